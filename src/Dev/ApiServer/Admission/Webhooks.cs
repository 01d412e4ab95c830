namespace ModuleController.Dev.ApiServer.Admission;

/// <summary>The webhooks of all configurations, which are compiled again after each change.</summary>
internal sealed class Webhooks(EventLog log)
{
    private const string Group = "admissionregistration.k8s.io";

    private volatile Compiled? _compiled;

    /// <summary>Those that may see a request, in the order of their configurations' names. Requests for configurations have none.</summary>
    public IReadOnlyList<Webhook> About(AdmissionAttributes attributes)
    {
        if (attributes.User is null || attributes.Type.Group == Group) return [];
        var all = Current();
        return all.Length == 0 ? [] : [.. all.Where(webhook => webhook.IsAbout(attributes))];
    }

    private Webhook[] Current()
    {
        var mutating = log.List($"mutatingwebhookconfigurations.{Group}");
        var validating = log.List($"validatingwebhookconfigurations.{Group}");
        if (_compiled is { } known && known.Mutating == mutating.Objects && known.Validating == validating.Objects) return known.Webhooks;
        var compiled = new Compiled(mutating.Objects, validating.Objects, [.. Of(mutating, true), .. Of(validating, false)]);
        _compiled = compiled;
        return compiled.Webhooks;
    }

    private static IEnumerable<Webhook> Of(Snapshot configurations, bool isMutating) =>
        configurations.In("").OrderBy(stored => stored.Name, StringComparer.Ordinal).SelectMany(stored =>
            stored.Tree.Objects("webhooks").Select(webhook => new Webhook(stored.Name, webhook, isMutating)));

    /// <summary>Snapshots are immutable: the same instances mean that nothing has changed.</summary>
    private sealed record Compiled(object Mutating, object Validating, Webhook[] Webhooks);
}
