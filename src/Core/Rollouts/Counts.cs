using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Facts;
using ModuleController.Core.Modules.Names;

namespace ModuleController.Core.Rollouts;

/// <summary>On how many base pods a module is installed, serves and is available. Versions that overlap on a pod count once.</summary>
public sealed record Counts
{
    public int Replicas { get; init; }

    public int Ready { get; init; }

    public int Available { get; init; }

    public int Updated { get; init; }

    public int Upgrading { get; init; }

    public int UpdatedReady { get; init; }

    public int UpdatedAvailable { get; init; }

    /// <summary>Pods with an older revision.</summary>
    public int Old { get; init; }

    /// <summary>Installed from an older url or digest than the template's.</summary>
    public int Stale { get; init; }

    /// <summary>Modules of the new revision without a pod.</summary>
    public int Unplaced { get; init; }

    /// <summary>Those of them for which no pod is eligible.</summary>
    public int NoPlace { get; init; }

    /// <summary>Those of them that get a pod as soon as others make room.</summary>
    public int AwaitingPlace { get; init; }

    /// <summary>When a module will have served long enough to count; null: none is waited for.</summary>
    public DateTimeOffset? NextAvailableAt { get; init; }

    public static Counts Of(RolloutState state, ReplicaSetWithModules? updated, DateTimeOffset now)
    {
        var deployment = state.Deployment;
        var live = state.Sets.SelectMany(set => set.Modules
            .Where(module => !module.Metadata.IsDeleting)
            .Select(module => (Module: module, IsUpdated: set == updated)))
            .Concat(state.OrphanedModules.Select(module =>
                (Module: module, IsUpdated: OrphanedModules.RevisionOf(module) == Revision.Of(state.Deployment.Spec.Template))))
            .ToList();
        var slots = live.Where(item => item.Module.IsBound).GroupBy(item => item.Module.Spec.PodUid!).ToList();
        bool IsAvailable((Module Module, bool IsUpdated) item) => ModuleReadiness.IsAvailable(item.Module, deployment.MinReady, now);
        var source = deployment.Spec.Template.Spec.Module;
        return new()
        {
            Replicas = slots.Count,
            Ready = slots.Count(slot => slot.Any(item => item.Module.IsAvailable)),
            Available = slots.Count(slot => slot.Any(IsAvailable)),
            Updated = slots.Count(slot => slot.Any(item => item.IsUpdated)),
            Upgrading = slots.Count(slot => slot.Any(item =>
                item.IsUpdated && item.Module.Spec.Replaces is not null && !item.Module.IsAvailable)),
            UpdatedReady = slots.Count(slot => slot.Any(item => item.IsUpdated && item.Module.IsAvailable)),
            UpdatedAvailable = slots.Count(slot => slot.Any(item => item.IsUpdated && IsAvailable(item))),
            Old = slots.Count(slot => slot.Any(item => !item.IsUpdated)),
            Stale = slots.Count(slot => slot.Any(item => item.IsUpdated && IsStale(item.Module.Spec.Module, source))),
            Unplaced = live.Count(item => item.IsUpdated && !item.Module.IsBound),
            NoPlace = RefusedFor(Reasons.NoEligibleBase),
            AwaitingPlace = RefusedFor(Reasons.AwaitingPlace),
            NextAvailableAt = live.Min(item => ModuleReadiness.AvailableAt(item.Module, deployment.MinReady, now)),
        };

        int RefusedFor(string reason) => live.Count(item => item is { IsUpdated: true, Module.IsBound: false }
            && item.Module.Status.Conditions.Find(ModuleConditions.Scheduled)?.Reason == reason);
    }

    /// <summary>The status with these numbers.</summary>
    public ModuleDeploymentStatus On(RolloutState state, int desired) => state.Deployment.Status with
    {
        Replicas = Replicas,
        ReadyReplicas = Ready,
        AvailableReplicas = Available,
        UnavailableReplicas = Math.Max(0, desired - Available),
        UpdatedReplicas = Updated,
        UpgradingReplicas = Upgrading,
        UpdatedReadyReplicas = UpdatedReady,
        UpdatedAvailableReplicas = UpdatedAvailable,
        CurrentReplicas = Old,
        StaleArtifactReplicas = Stale,
        ObservedGeneration = state.Deployment.Metadata.Generation,
        Selector = ScaleSelector.Of(state.Deployment),
    };

    private static bool IsStale(ModuleSource installed, ModuleSource desired) =>
        installed.Url != desired.Url || (installed.Md5 ?? "") != (desired.Md5 ?? "") || (installed.Sha256 ?? "") != (desired.Sha256 ?? "");
}
