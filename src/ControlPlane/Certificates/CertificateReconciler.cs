using System.Text.Json.Nodes;
using ModuleController.Core.Builtin.Configuration;
using ModuleController.Core.Certificates;
using ModuleController.Core.Meta;
using ModuleController.Kube.Caches;
using ModuleController.Kube.Client;
using ModuleController.Kube.Controllers;

namespace ModuleController.ControlPlane.Certificates;

/// <summary>Keeps the controller's own certificates in one Secret.</summary>
/// <remarks>Each write is based on a version of the Secret: of two leaders, one is answered with a conflict and reads again.</remarks>
public sealed partial class CertificateReconciler(
    ILister<Secret> secrets, IKubeClient client, WriteTracker tracker, ObjectKey secret, IReadOnlyList<string> names, TimeProvider time,
    ILogger<CertificateReconciler> logger)
    : IReconciler<Secret>
{
    public const string FieldManager = "modulecontroller-certificates";

    public async Task<ReconcileResult> ReconcileAsync(ObjectKey key, CancellationToken cancellation)
    {
        var now = time.GetUtcNow();
        var found = secrets.Get(secret);
        var stored = StoredCertificates.Read(found?.Data ?? new Dictionary<string, byte[]>());
        var plan = CertificatePlanner.Plan(stored.State(names), now);
        var data = stored.Apply(plan, names);
        if (found is null) tracker.Created(key, await client.CreateAsync(New(data), FieldManager, cancellation));
        else if (Patch(found, data) is { } patch)
            tracker.Wrote(key, await client.PatchAsync<Secret>(secret, patch, new(FieldManager), cancellation));
        if (plan.CreatesAuthority) LogAuthority(secret, plan.AuthorityNotAfter, plan.Trusted.Count);
        if (plan.IssuesServing) LogServing(secret, plan.ServingNotAfter);
        return ReconcileResult.At(plan.RequeueAt, now);
    }

    private Secret New(IReadOnlyDictionary<string, byte[]> data) => new()
    {
        Metadata = new() { Name = secret.Name, Namespace = secret.Namespace, Labels = ManagedLabel.Labels },
        Type = "Opaque",
        Data = data,
    };

    /// <summary>What differs; null: nothing.</summary>
    private static JsonObject? Patch(Secret found, IReadOnlyDictionary<string, byte[]> data)
    {
        var changed = new JsonObject(data
            .Where(part => found.Data.GetValueOrDefault(part.Key) is not { } present || !present.AsSpan().SequenceEqual(part.Value))
            .Select(part => KeyValuePair.Create(part.Key, (JsonNode?)Convert.ToBase64String(part.Value))));
        return changed.Count == 0 ? null : new()
        {
            ["metadata"] = new JsonObject { ["uid"] = found.Metadata.Uid, ["resourceVersion"] = found.Metadata.ResourceVersion },
            ["data"] = changed,
        };
    }

    [LoggerMessage(LogLevel.Information,
        "Secret {Secret}: created a certificate authority, valid until {Until:u}, beside {Older} older ones")]
    private partial void LogAuthority(ObjectKey secret, DateTimeOffset until, int older);

    [LoggerMessage(LogLevel.Information, "Secret {Secret}: issued a serving certificate, valid until {Until:u}")]
    private partial void LogServing(ObjectKey secret, DateTimeOffset until);
}

/// <summary>The label of objects that the controller keeps.</summary>
internal static class ManagedLabel
{
    private const string Key = "app.kubernetes.io/managed-by";
    private const string Value = "modulecontroller";

    public static IReadOnlyDictionary<string, string> Labels { get; } = new Dictionary<string, string> { [Key] = Value };

    public static JsonObject Patch => new() { [Key] = Value };

    public static bool IsOn(ObjectMeta meta) => meta.Labels.GetValueOrDefault(Key) == Value;
}
