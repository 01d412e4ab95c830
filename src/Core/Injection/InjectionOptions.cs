namespace ModuleController.Core.Injection;

/// <summary>What the controller decides about injected agents. Annotations of the pod override image and resources.</summary>
public sealed record InjectionOptions
{
    /// <summary>The controller's own namespace, in which nothing is injected.</summary>
    public string ControllerNamespace { get; init; } = "modulecontroller-system";

    public string AgentImage { get; init; } = "modulecontroller/agent:0.1.0";

    /// <summary>Where agents connect.</summary>
    public Uri Controller { get; init; } = new("https://modulecontroller.modulecontroller-system.svc:8443");

    /// <summary>The audience of the agents' tokens.</summary>
    public string Audience { get; init; } = "modulecontroller";

    /// <summary>The ConfigMap with the certificate authority of the controller, in the namespace of the pod.</summary>
    public string CaConfigMap { get; init; } = "modulecontroller-ca";

    public AgentResources Resources { get; init; } = new();

    /// <summary>An address for <see cref="Controller"/>; null: the text is none.</summary>
    public static Uri? AddressOf(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out var url) && url.Scheme is "http" or "https" && url.Host.Length > 0 ? url : null;
}

/// <summary>Requests and limits of the agent's container, as Kubernetes quantities.</summary>
public sealed record AgentResources
{
    public string CpuRequest { get; init; } = "10m";

    public string CpuLimit { get; init; } = "500m";

    public string MemoryRequest { get; init; } = "24Mi";

    public string MemoryLimit { get; init; } = "64Mi";
}
