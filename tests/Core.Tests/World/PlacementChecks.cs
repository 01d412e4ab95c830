using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Facts;
using ModuleController.Core.Modules.Names;
using ModuleController.Core.Placement;
using static ModuleController.Core.Tests.World.Promise;

namespace ModuleController.Core.Tests.World;

/// <summary>What must hold after every look of Placement, whatever happened before.</summary>
internal sealed class PlacementChecks(SmallWorld world)
{
    private int _peakWhileHeld;
    private Dictionary<string, int> _liveAtLook = [];

    /// <summary>Something besides the planners touched the world since the goals were set.</summary>
    public bool IsStale { get; set; } = true;

    public bool IsPlaceComing { get; private set; }

    public void GoalsAreSet(ReleaseView before, ReleaseStatus release)
    {
        IsStale = before.Updated is null;
        _liveAtLook = before.Sets.ToDictionary(set => set.ReplicaSet.Metadata.Name, set => before.Live(set).Count);
        _peakWhileHeld = before.IsHeld || release.Abort is not null ? Math.Max(_peakWhileHeld, before.LiveUpdated) : 0;
    }

    /// <summary>True: something changed.</summary>
    public bool Place(int calls = int.MaxValue)
    {
        if (!world.Deployments.ContainsKey(Story.Name)) return false;
        var before = new ReleaseView(world);
        var (serving, slots, places) = (Serving(), Slots(), world.Pods.Count);
        // With the replaced ones: one that stays after all, because its replacement went, was there before.
        var live = world.ReplicaSets.Values.ToDictionary(
            set => set.Metadata.Name, set => world.ModulesOf(set.Metadata.Uid!).Count(module => !module.Metadata.IsDeleting));
        var said = world.Log.Count;
        var observed = world.Placement().Pods.ToDictionary(pod => pod.Uid);
        var isChange = world.StepPlacement(calls);
        foreach (var step in world.LastPlacement.Steps.OfType<PlacementStep.Delete>()) Prepared(before, step.Module, observed);
        var after = new ReleaseView(world);
        IsPlaceComing = calls == int.MaxValue && after.IsPlaceComing(world);
        var text = string.Join(" | ", world.Log.Skip(said));
        var desired = before.SumOfGoals;
        // What there are no pods for is missing for want of pods, and no upgrade makes that worse.
        var least = Math.Min(desired, places) - before.Deployment.MaxUnavailable(desired);
        True(Serving() >= Math.Min(serving, least), before, $"{serving} served, {Serving()} do, {least} must: {text}");
        True(Serving() > 0 || serving == 0 || desired == 0
            || before.Strategy.MaxUnavailable is not null, before, $"nothing serves any more: {text}");
        var remade = world.Log.Skip(said).Count(line => line.EndsWith("its artifact was changed", StringComparison.Ordinal));
        if (calls == int.MaxValue)
        {
            True(Slots()
                + remade >= Math.Min(slots, Math.Min(desired, before.Desired)), before,
                $"{slots} places were taken, {Slots()} are: {text}");
        }

        foreach (var set in world.ReplicaSets.Values)
            True(Unreplaced(set) <= Math.Max(live[set.Metadata.Name], set.Spec.Replicas), before,
                $"{set.Metadata.Name} is past its goal: {text}");
        foreach (var slot in world.Modules.Values.Where(module => module is { IsBound: true, Metadata.IsDeleting: false })
            .GroupBy(module => module.Spec.PodUid).Where(slot => slot.Count() > 1))
            True(slot.Count() == 2 && slot.Any(module => slot.Any(other => other.Metadata.Uid == module.Spec.Replaces)), before,
                $"two modules on one pod: {text}");
        // What is recreated left its place to the old one for a moment.
        IsStale |= remade > 0;
        if (!IsStale && before.Release is { } release) Moves(before, after, release, text);
        return isChange;
    }

    /// <summary>What serves is not removed for a successor on its pod that neither serves nor is known to be prepared there.</summary>
    private void Prepared(ReleaseView before, Module removed, Dictionary<string, CandidatePod> observed)
    {
        if (!removed.IsAvailable || !observed.TryGetValue(removed.Spec.PodUid!, out var pod)) return;
        if (world.Modules.Values.FirstOrDefault(module => module.Spec.Replaces == removed.Metadata.Uid && module.Spec.PodUid == pod.Uid
            && !module.Metadata.IsDeleting) is not { IsAvailable: false } next) return;
        // Both go, and the controller ended between the two calls.
        if (world.LastPlacement.Steps.OfType<PlacementStep.Delete>().Any(step => step.Module.Metadata.Uid == next.Metadata.Uid)) return;
        True(pod.IsCurrent && (!pod.CanFetch || (pod.Staged.Contains(next.Metadata.Uid!) && !pod.IsOutOfMetaspace)), before,
            $"{removed.Metadata.Name} is removed before {next.Metadata.Name} is prepared on {pod.Name}");
    }

    /// <summary>The goals are as they should be: then a place only ever changes hands towards the release's own revision, and
    /// not at all while it is stopped.</summary>
    private void Moves(ReleaseView before, ReleaseView after, ReleaseStatus release, string text)
    {
        if (before.RollsBack(release) && !before.IsHeld) return;
        var known = before.Sets.SelectMany(set => set.Modules).Select(module => module.Metadata.Uid).ToHashSet();
        foreach (var set in after.Sets)
            foreach (var module in set.Modules.Where(module => !known.Contains(module.Metadata.Uid)))
            {
                var isUpdated = set.ReplicaSet.Metadata.Name == before.Updated?.ReplicaSet.Metadata.Name;
                if (isUpdated) True(release.Abort?.Reason != Reasons.BaseDied, before, $"a quarantined revision is placed: {text}");
                if (module.Spec.Replaces is null) continue;
                // Recreated, it takes the place that it had.
                True(isUpdated
                    || after.Live(set).Count <= _liveAtLook.GetValueOrDefault(set.ReplicaSet.Metadata.Name), before,
                    $"a place goes to an older revision: {text}");
                if (before.IsHeld || release.Abort is not null)
                    True(after.LiveUpdated <= Math.Max(_peakWhileHeld, before.LiveUpdated), before, $"moved while it was stopped: {text}");
            }
    }

    private int Serving() => world.Modules.Values.Where(module => module is { IsAvailable: true } && IsHere(module))
        .Select(module => module.Spec.PodUid).Distinct().Count();

    // Who waits for a place counts: it is there, and nobody has to make it.
    private int Slots() => world.Modules.Values.Where(module => !module.Metadata.IsDeleting && (!module.IsBound || IsHere(module)))
        .Select(module => module.Spec.PodUid ?? module.Metadata.Uid).Distinct().Count();

    private bool IsHere(Module module) => world.Pods.Values.Any(pod => pod.Uid == module.Spec.PodUid);

    private int Unreplaced(ModuleReplicaSet set)
    {
        var replaced = world.Modules.Values.Where(module => !module.Metadata.IsDeleting).Select(module => module.Spec.Replaces).ToHashSet();
        // New ones come first: where the process dies in between, there are too many, never too few.
        replaced.UnionWith(world.LastPlacement.Steps.OfType<PlacementStep.Delete>().Select(step => step.Module.Metadata.Uid));
        return world.ModulesOf(set.Metadata.Uid!).Count(module => !module.Metadata.IsDeleting && !replaced.Contains(module.Metadata.Uid));
    }
}
