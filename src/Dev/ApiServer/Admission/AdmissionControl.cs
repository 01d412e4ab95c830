namespace ModuleController.Dev.ApiServer.Admission;

/// <summary>Asks the webhooks that a write concerns. It holds no lock meanwhile: a slow webhook delays only its own requests.</summary>
public sealed class AdmissionControl(EventLog log, TimeProvider time) : IDisposable
{
    private readonly Webhooks _webhooks = new(log);
    private readonly WebhookClient _client = new(log, time);

    /// <summary>The admission of a request; null if no webhook wants to see such requests.</summary>
    public AdmissionCall? Of(AdmissionAttributes attributes, ICollection<string> warnings, CancellationToken cancellation) =>
        _webhooks.About(attributes) is { Count: > 0 } webhooks
            ? new(webhooks, _client, NamespaceOf, attributes, warnings, cancellation) : null;

    public void Dispose() => _client.Dispose();

    private JsonObject? NamespaceOf(string name) => log.Find(new("namespaces", "", name))?.Tree;
}
