namespace ModuleController.Core.Injection;

/// <summary>Where this controller injects the agent.</summary>
/// <param name="ControllerNamespace">The controller's own namespace.</param>
/// <param name="HasWebhook">The controller answers webhooks.</param>
/// <param name="WatchNamespace">The one namespace whose modules are reconciled; null: all.</param>
public sealed record InjectionScope(string ControllerNamespace, bool HasWebhook, string? WatchNamespace)
{
    private const string SystemNamespace = "kube-system";

    /// <summary>Why pods of a namespace never get the agent by the webhook; null: they do if they request it.</summary>
    public string? Exclusion(string ns) =>
        NeverInjected(ns, ControllerNamespace)
        ?? (WatchNamespace is { } watched && watched != ns ? $"this controller reconciles namespace {watched} only" : null)
        ?? (HasWebhook ? null : "this controller answers no webhooks: add the agent to the manifest with the command inject");

    internal static string? NeverInjected(string ns, string controllerNamespace) =>
        ns == SystemNamespace || ns == controllerNamespace ? $"pods of namespace {ns} never get the agent" : null;
}
