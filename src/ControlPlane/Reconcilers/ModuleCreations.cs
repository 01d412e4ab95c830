using System.Collections.Concurrent;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Planning;
using ModuleController.Kube;

namespace ModuleController.ControlPlane.Reconcilers;

/// <summary>Creates the Modules of a base. What the API server rejects for one ModuleDeployment ends the creations of that one, and of
/// no other.</summary>
internal sealed partial class ModuleCreations(
    IKubeClient client, string fieldManager, EventRecorder events, WriteTracker tracker, RejectedWrites rejectedModules, ILogger logger)
{
    private static readonly TimeSpan FirstRetry = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LaterRetry = TimeSpan.FromSeconds(30);

    /// <returns>The ModuleDeployments with a rejected Module, and what the API server said.</returns>
    public async Task<IReadOnlyDictionary<ObjectKey, KubeError>> CreateAsync(
        ObjectKey key, IReadOnlyList<PlacementStep.Create> steps, CancellationToken cancellation)
    {
        var rejected = new ConcurrentDictionary<ObjectKey, KubeError>();
        await SlowStart.RunAsync(steps, async step =>
        {
            var owner = ObjectKey.Of(step.Deployment.Metadata);
            if (rejected.ContainsKey(owner)) return;
            try
            {
                await CreateAsync(key, step, cancellation);
            }
            catch (KubeException exception) when (exception.Error.IsRejected)
            {
                rejected.TryAdd(owner, exception.Error);
                LogRejected(key, step.Name, exception.Message);
            }
        });
        return rejected;
    }

    /// <summary>
    /// The steps without the removals of Modules whose successors were rejected. All other removals stay: what is lost or too many may
    /// be what fills the quota.
    /// </summary>
    public static IReadOnlyList<PlacementStep> Without(IReadOnlyList<PlacementStep> steps, IReadOnlyDictionary<ObjectKey, KubeError> rejected)
    {
        if (rejected.Count == 0) return steps;
        var kept = steps.OfType<PlacementStep.Create>()
            .Where(step => step.Replaces is not null && rejected.ContainsKey(ObjectKey.Of(step.Deployment.Metadata)))
            .Select(step => step.Replaces!.Metadata.Uid).ToHashSet();
        return [.. steps.Where(step => step is not PlacementStep.Delete delete || !kept.Contains(delete.Module.Metadata.Uid))];
    }

    /// <summary>When rejected Modules are created again; null: none was rejected. Soon while the rejection may come from an old
    /// cache, then at intervals: no cache shows that a quota or a policy has changed.</summary>
    public DateTimeOffset? RetryAt(PlacementState state, IReadOnlyDictionary<ObjectKey, KubeError> rejected, DateTimeOffset now)
    {
        var isFirst = false;
        foreach (var deployment in state.Groups.Where(group => !IsOrphan(group)).Select(group => group.Deployment))
        {
            var owner = ObjectKey.Of(deployment.Metadata);
            if (!rejected.TryGetValue(owner, out var said)) rejectedModules.Forget(owner);
            else if (rejectedModules.Add(owner, said, now) is { } message)
                events.Record(deployment, EventRecorder.Warning, Reasons.WriteRejected, message);
            else isFirst = true;
        }

        return rejected.Count == 0 ? null : now + (isFirst ? FirstRetry : LaterRetry);
    }

    /// <summary>An orphaned ReplicaSet stands in for the ModuleDeployment that it no longer has.</summary>
    private static bool IsOrphan(PlacementGroup group) => group.Sets is [var set] && set.ReplicaSet.Metadata.Uid == group.Deployment.Metadata.Uid;

    private async Task CreateAsync(ObjectKey key, PlacementStep.Create step, CancellationToken cancellation)
    {
        try
        {
            tracker.Created(key, await client.CreateAsync(PlacementModules.Of(step), fieldManager, cancellation));
            LogCreated(key, step.Name, step.Pod?.Name ?? "no pod");
        }
        catch (KubeException exception) when (exception.IsAlreadyExists)
        {
            LogExists(key, step.Name);   // the cache was old; what is there wakes us
        }
    }

    [LoggerMessage(LogLevel.Information, "{Key}: created Module {Module} on {Pod}")]
    private partial void LogCreated(ObjectKey key, string module, string pod);

    [LoggerMessage(LogLevel.Debug, "{Key}: Module {Module} exists already")]
    private partial void LogExists(ObjectKey key, string module);

    [LoggerMessage(LogLevel.Warning, "{Key}: Module {Module} was rejected: {Why}")]
    private partial void LogRejected(ObjectKey key, string module, string why);
}
