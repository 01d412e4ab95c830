using ModuleController.Core.Meta;

namespace ModuleController.Core.Builtin.Configuration;

/// <summary>Webhooks that the API server calls, as far as we read them.</summary>
public interface IWebhookConfiguration : IResource
{
    IReadOnlyList<Webhook> Webhooks { get; }
}

/// <summary>Webhooks that may change objects.</summary>
public sealed record MutatingWebhookConfiguration : IWebhookConfiguration
{
    public static ResourceKind Kind { get; } = new(
        "admissionregistration.k8s.io", "v1", "MutatingWebhookConfiguration", "mutatingwebhookconfigurations", IsNamespaced: false);

    public ObjectMeta Metadata { get; init => field = value ?? new(); } = new();

    public IReadOnlyList<Webhook> Webhooks { get; init => field = value ?? []; } = [];
}

/// <summary>Webhooks that only allow, deny and warn.</summary>
public sealed record ValidatingWebhookConfiguration : IWebhookConfiguration
{
    public static ResourceKind Kind { get; } = new(
        "admissionregistration.k8s.io", "v1", "ValidatingWebhookConfiguration", "validatingwebhookconfigurations", IsNamespaced: false);

    public ObjectMeta Metadata { get; init => field = value ?? new(); } = new();

    public IReadOnlyList<Webhook> Webhooks { get; init => field = value ?? []; } = [];
}

/// <summary>One entry of a configuration. Its name is unique there.</summary>
public sealed record Webhook
{
    public string Name { get; init => field = value ?? ""; } = "";

    public WebhookClient ClientConfig { get; init => field = value ?? new(); } = new();
}

public sealed record WebhookClient
{
    /// <summary>PEM. Empty: the API server uses the authorities of its own machine.</summary>
    public byte[] CaBundle { get; init => field = value ?? []; } = [];
}
