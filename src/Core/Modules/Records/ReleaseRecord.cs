using System.Text.Json.Nodes;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules.Names;

namespace ModuleController.Core.Modules.Records;

/// <summary>Who released a revision, why and with what result: the annotation <c>koupleless.io/history</c> of its ReplicaSet.</summary>
/// <remarks>Written with the ReplicaSet when the release begins and ends. Without an end, it continues or another one began.</remarks>
internal static class ReleaseRecord
{
    public const string RolledBack = "RolledBack";

    private const int MaxReasons = 10;

    /// <summary>The ReplicaSet with the beginning of the release that begins now.</summary>
    /// <param name="replicaSet">That of the revision, as it is written.</param>
    /// <param name="deployment">The ModuleDeployment.</param>
    /// <param name="change">The last change of the ModuleDeployment; null: not known.</param>
    /// <param name="all">The ReplicaSets of the ModuleDeployment.</param>
    /// <param name="previous">Of the same revision, from an earlier release; null: it is the first.</param>
    /// <param name="now">The time.</param>
    public static ModuleReplicaSet Begin(
        ModuleReplicaSet replicaSet, ModuleDeployment deployment, LastChange? change, IEnumerable<ModuleReplicaSet> all,
        ModuleReplicaSet? previous, DateTimeOffset now)
    {
        var record = new JsonObject();
        if (change is not null && change.IsOfRevision(deployment) && !IsOfEarlierRelease(change, all, previous))
        {
            (record["author"], record["request"]) = (change.User, change.Request);
            if (VerbRecord.ReasonOf(deployment.Metadata.Annotations, change.Request) is { } reason) record["reason"] = reason;
        }

        if (deployment.Metadata.Annotations.GetValueOrDefault(Annotations.ChangeCause) is { } cause)
            record["cause"] = OperatorText.Within(OperatorText.MaxReason, cause);
        record["start"] = KubeTime.Text(now);
        return With(replicaSet, record);
    }

    public static bool IsOpen(ModuleReplicaSet replicaSet) => Read(replicaSet) is { } record && record["end"] is null;

    /// <summary>Whether the record has this end already, and none was recorded before the retry.</summary>
    public static bool HasEnded(ModuleReplicaSet replicaSet, string result, DateTimeOffset? retriedAt) =>
        Read(replicaSet) is not { } record || (Text(record, "result") == result
            && !(retriedAt is { } retried && string.CompareOrdinal(Text(record, "end"), KubeTime.Text(retried)) < 0));

    /// <summary>The ReplicaSet with the end of its release.</summary>
    public static ModuleReplicaSet End(ModuleReplicaSet replicaSet, IEnumerable<Module> modules, string result, DateTimeOffset now)
    {
        if (Read(replicaSet) is not { } record) return replicaSet;
        (record["end"], record["result"]) = (KubeTime.Text(now), result);
        var failures = modules.Where(module => module is { Metadata.IsDeleting: false, Status.LastError: not null })
            .GroupBy(module => module.Status.LastError!.Reason).OrderByDescending(group => group.Count())
            .ThenBy(group => group.Key, StringComparer.Ordinal).Take(MaxReasons).ToList();
        if (failures.Count > 0)
            record["failures"] = new JsonObject(failures.Select(group => KeyValuePair.Create(group.Key, (JsonNode?)group.Count())));
        return With(replicaSet, record);
    }

    // A change that began an earlier release did not begin this one, and no change began what is younger than it.
    private static bool IsOfEarlierRelease(LastChange change, IEnumerable<ModuleReplicaSet> all, ModuleReplicaSet? previous) =>
        (previous is not null && Text(Read(previous), "request") == change.Request)
        || all.Select(Read).Any(record => record is not null && Text(record, "request") is null
            && string.CompareOrdinal(Text(record, "start"), KubeTime.Text(change.Time)) > 0);

    private static ModuleReplicaSet With(ModuleReplicaSet replicaSet, JsonObject record)
    {
        var annotations = new Dictionary<string, string>(replicaSet.Metadata.Annotations);
        AnnotationRoom.Set(annotations, Annotations.History, AnnotationJson.Write(record));
        return replicaSet with { Metadata = replicaSet.Metadata with { Annotations = annotations } };
    }

    private static JsonObject? Read(ModuleReplicaSet replicaSet) =>
        AnnotationJson.Object(replicaSet.Metadata.Annotations.GetValueOrDefault(Annotations.History));

    private static string? Text(JsonObject? record, string name) => AnnotationJson.Text(record, name);
}
