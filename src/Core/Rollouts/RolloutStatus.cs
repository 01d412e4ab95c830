using System.Globalization;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;

namespace ModuleController.Core.Rollouts;

/// <summary>The parts of a ModuleDeployment's status that every phase of its life has.</summary>
internal static class RolloutStatus
{
    public static ModuleDeploymentStatus Refused(
        RolloutState state, RolloutCounts counts, string reason, string message, DateTimeOffset now) =>
        Counted(state, counts, DesiredReplicas.Of(state.Deployment, state.BasePods.Count).Desired) with
        {
            Conditions = RolloutReadiness.Stalled(reason, message).On(
                state.Deployment.Status.Conditions.With(
                    ConditionOf(state.Deployment, DeploymentConditions.Progressing, Condition.False, reason, message), now),
                state, now),
        };

    public static ModuleDeploymentStatus Counted(RolloutState state, RolloutCounts counts, int desired) =>
        state.Deployment.Status with
        {
            Replicas = counts.Replicas,
            ReadyReplicas = counts.Ready,
            AvailableReplicas = counts.Available,
            UnavailableReplicas = Math.Max(0, desired - counts.Available),
            UpdatedReplicas = counts.Updated,
            UpgradingReplicas = counts.Upgrading,
            UpdatedReadyReplicas = counts.UpdatedReady,
            UpdatedAvailableReplicas = counts.UpdatedAvailable,
            CurrentReplicas = counts.Old,
            StaleArtifactReplicas = counts.Stale,
            ObservedGeneration = state.Deployment.Metadata.Generation,
            Selector = ScaleSelector.Of(state.Deployment),
        };

    public static Condition ConditionOf(ModuleDeployment deployment, string type, string status, string reason, string message) => new()
    {
        Type = type,
        Status = status,
        Reason = reason,
        Message = message,
        ObservedGeneration = deployment.Metadata.Generation,
    };

    /// <summary>Live Modules that failed and do not serve, in the order of their names.</summary>
    public static List<Module> Failed(IEnumerable<ReplicaSetWithModules> sets) =>
    [
        .. sets.SelectMany(set => set.Modules)
            .Where(module => module is { Metadata.IsDeleting: false, IsAvailable: false, Status.LastError: not null })
            .OrderBy(module => module.Metadata.Name, StringComparer.Ordinal),
    ];

    public static Condition? Failures(RolloutState state)
    {
        var failed = Failed(state.Sets);
        if (failed.Count == 0) return null;
        var most = failed.GroupBy(module => module.Status.LastError!.Reason)
            .OrderByDescending(group => group.Count()).ThenBy(group => group.Key, StringComparer.Ordinal).First();
        var example = most.First();
        return ConditionOf(state.Deployment, DeploymentConditions.ReplicaFailure, Condition.True, most.Key,
            $"{CountOf(failed.Count)} failed; on base pod {example.Spec.PodName}: {example.Status.LastError!.Message}");
    }

    /// <summary><c>1 module</c>, <c>2 modules</c>.</summary>
    public static string CountOf(int count) => $"{Number(count)} {(count == 1 ? "module" : "modules")}";

    /// <summary>More than are desired are to be removed and are no part of it: <c>3 of 3 modules are available</c>.</summary>
    public static string Available(int available, int desired) =>
        $"{Number(Math.Min(available, desired))} of {Number(desired)} {(desired == 1 ? "module is" : "modules are")} available";

    public static string Number(int number) => number.ToString(CultureInfo.InvariantCulture);
}
