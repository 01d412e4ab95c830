using ModuleController.Core.Meta;
using ModuleController.Core.Modules;

namespace ModuleController.Core.Rollouts;

/// <summary>How many base pods carry, serve and keep a module. Versions that overlap on a pod count once.</summary>
public sealed record RolloutCounts
{
    public int Replicas { get; init; }

    public int Ready { get; init; }

    public int Available { get; init; }

    public int Updated { get; init; }

    public int Upgrading { get; init; }

    public int UpdatedReady { get; init; }

    public int UpdatedAvailable { get; init; }

    /// <summary>Pods that carry an older revision.</summary>
    public int Old { get; init; }

    /// <summary>Installed from an older url or digest than the template's.</summary>
    public int Stale { get; init; }

    /// <summary>Modules of the new revision without a pod.</summary>
    public int Unplaced { get; init; }

    /// <summary>Of those, the ones that will not get one as things stand.</summary>
    public int NoPlace { get; init; }

    /// <summary>Of those, the ones that will get one, as Placement has told: as soon as others make room.</summary>
    public int AwaitingPlace { get; init; }

    /// <summary>When a module will have served long enough to count; null: none is waited for.</summary>
    public DateTimeOffset? NextAvailableAt { get; init; }

    public static RolloutCounts Of(RolloutState state, ReplicaSetWithModules? updated, DateTimeOffset now)
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
            Upgrading = slots.Count(slot => slot.Any(item => item.IsUpdated && item.Module.Spec.Replaces is not null && !item.Module.IsAvailable)),
            UpdatedReady = slots.Count(slot => slot.Any(item => item.IsUpdated && item.Module.IsAvailable)),
            UpdatedAvailable = slots.Count(slot => slot.Any(item => item.IsUpdated && IsAvailable(item))),
            Old = slots.Count(slot => slot.Any(item => !item.IsUpdated)),
            Stale = slots.Count(slot => slot.Any(item => item.IsUpdated && IsStale(item.Module.Spec.Module, source))),
            Unplaced = live.Count(item => item.IsUpdated && !item.Module.IsBound),
            NoPlace = ToldOf(Reasons.NoEligibleBase),
            AwaitingPlace = ToldOf(Reasons.AwaitingPlace),
            NextAvailableAt = live.Min(item => ModuleReadiness.AvailableAt(item.Module, deployment.MinReady, now)),
        };

        int ToldOf(string reason) => live.Count(item => item is { IsUpdated: true, Module.IsBound: false }
            && item.Module.Status.Conditions.Find(ModuleConditions.Scheduled)?.Reason == reason);
    }

    private static bool IsStale(ModuleSource installed, ModuleSource wanted) =>
        installed.Url != wanted.Url || (installed.Md5 ?? "") != (wanted.Md5 ?? "") || (installed.Sha256 ?? "") != (wanted.Sha256 ?? "");
}
