using System.Globalization;
using ModuleController.ControlPlane.Observing;
using ModuleController.ControlPlane.Reconcilers.Execution;
using ModuleController.Core.Execution;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Placement;
using ModuleController.Kube.Client;
using ModuleController.Kube.Controllers;

namespace ModuleController.ControlPlane.Reconcilers;

/// <summary>Keeps the status of a ModuleReplicaSet; it decides nothing.</summary>
public sealed class ModuleReplicaSetReconciler(
    Caches caches, IKubeClient client, WriteTracker tracker, RejectedWrites rejections, TimeProvider time,
    ILogger<ModuleReplicaSetReconciler> logger)
    : IReconciler<ModuleReplicaSet>
{
    public const string FieldManager = "modulecontroller-replicaset";

    private readonly Executor _executor = new(time, logger);
    private readonly WriteInterval _interval = new(TimeSpan.FromSeconds(1));

    public async Task<ReconcileResult> ReconcileAsync(ObjectKey key, CancellationToken cancellation)
    {
        if (caches.ModuleReplicaSets.Get(key) is not { } replicaSet)
        {
            _interval.Forget(key);
            _executor.Forget(key);
            rejections.Report(Source(key), new Dictionary<ObjectKey, string>());
            return ReconcileResult.Done;
        }

        var now = time.GetUtcNow();
        var modules = caches.Modules.ByIndex(Caches.ByOwner, replicaSet.Metadata.Uid!);
        var (status, requeueAt) = ReplicaSetStatusPlanner.Plan(new(replicaSet, [.. modules]), now);
        var after = replicaSet with { Status = status };
        var isDifferent = MergePatch.OfStatus(replicaSet, after, null) is not null;
        if (isDifferent && _interval.NextAt(key, now) is { } later) return ReconcileResult.At(later, now);
        if (isDifferent) _interval.Wrote(key, now);
        var writes = new Writes(client, tracker, _executor.AnsweredWrites, key, FieldManager, cancellation);
        var outcome = await _executor.ExecuteAsync<ModuleReplicaSet>(key, isDifferent ? [[Write(after)]] : [], async step =>
        {
            await writes.PatchStatusAsync(replicaSet, step);
            return null;
        });
        rejections.Report(Source(key), outcome.Rejections);
        outcome.ThrowIfInterrupted();
        return ReconcileResult.At(new[] { requeueAt, outcome.RetryAt }.Min(), now);
    }

    private static PlannedStep<ModuleReplicaSet> Write(ModuleReplicaSet after) => new("status", after)
    {
        For = after.Metadata.Controller is { } owner ? [new(after.Metadata.Namespace!, owner.Name)] : [],
        Content = after.Metadata.Generation.ToString(CultureInfo.InvariantCulture),
    };

    private static string Source(ObjectKey key) => $"{nameof(ModuleReplicaSet)} {key}";
}
