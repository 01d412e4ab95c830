using ModuleController.Core.BasePods;
using ModuleController.Core.Commands;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Rules;
using ModuleController.Core.Placement.Upgrades;

namespace ModuleController.Core.Placement;

/// <summary>Plans the Modules of one ModuleDeployment on its base. Lives for one call of <see cref="Plan"/>.</summary>
internal sealed class GroupPlanner(PlacementState state, DeploymentGroup group, PodLoads loads, DateTimeOffset now)
{
    private readonly List<PlacementStep> _steps = [];
    private readonly List<PlannedReplicaSet> _sets =
        [.. group.Sets.OrderByDescending(set => set.Revision).ThenBy(set => set.ReplicaSet.Metadata.Name, StringComparer.Ordinal)
            .Select(set => new PlannedReplicaSet(set, state.Strays))];

    private readonly HashSet<string> _busyPods = [];
    private DisruptionBudget _budget = null!;
    private PodPicker? _picker;
    private bool _isHandedOver;

    public DateTimeOffset? RequeueAt { get; private set; }

    /// <summary>What a release that needs other pods lacks; null: there is none.</summary>
    public Handover? Handover { get; private set; }

    public IReadOnlyList<PlannedReplicaSet> Sets => _sets;

    public DeploymentGroup Group => group;

    /// <summary>It is not changing which Modules are where.</summary>
    public bool IsQuiet => _steps.TrueForAll(step => step is PlacementStep.Explain or PlacementStep.Create { Pod: null });

    private ModuleDeployment Deployment => group.Deployment;

    /// <summary>What serves may be taken away: nothing is concluded from silence. What a user deletes as a whole goes on to go.</summary>
    private bool MayDisrupt => state.HaveAgentsReported && (state.Outage is null || Deployment.Metadata.IsDeleting);

    private string ModuleName => Deployment.Spec.Template.Spec.Module.Name;

    private PodPicker Picker =>
        _picker ??= new(loads, ModuleName, Deployment.SchedulingPolicy);

    public IReadOnlyList<PlacementStep> Plan()
    {
        _budget = new(group, [], 0, 0, now);
        ReleaseAndFindBusyPods();
        RemoveLost();
        // It does nothing of its own accord; but to go it has to give up what it has.
        if (group.IsConflicting && !Deployment.Metadata.IsDeleting) return _steps;
        RemoveByLabel();
        _budget = new(group, _sets.SelectMany(set => set.Live), _sets.Sum(set => set.Set.Goal), Places(), now);
        RemakeUnusable();
        FinishHandovers();
        FinishPairs();
        var wanted = Wanted();
        var leaving = Leaving(wanted.FirstOrDefault()?.Set);
        wanted = WithinDesired(ReplaceOrRemove(wanted, leaving));
        new Placer(state, Deployment, loads, _steps) { Unplaced = AwaitingPlace }.Place(wanted, Picker);
        if (leaving.Count > 0 || _sets.Exists(set => set.Replaced.Count > 0)) RequeueAt = _budget.RequeueAt;
        return _steps;
    }

    private void ReleaseAndFindBusyPods()
    {
        foreach (var module in group.Sets.SelectMany(set => set.Modules).Where(module => module.Metadata.IsDeleting)
            .OrderBy(module => module.Metadata.Name, StringComparer.Ordinal))
            if (module.IsBound) _busyPods.Add(module.Spec.PodUid!);
            else if (module.Metadata.Finalizers.Any(FinalizerNames.IsOfModule)) _steps.Add(new PlacementStep.Release(module));
    }

    /// <summary>The pod is gone, ends, or is the base's no longer; or it was not Ready for too long, which no symmetric one minds.</summary>
    private void RemoveLost()
    {
        if (!state.HaveAgentsReported) return;
        foreach (var set in _sets)
            foreach (var module in set.Live.Where(module => module.IsBound).ToList())
                if (!loads.Pods.TryGetValue(module.Spec.PodUid!, out var pod)) Delete(set, module, "its base pod is gone", Deployment, needsPodGone: true);
                else if (pod.IsPastGrace && !Deployment.IsSymmetric && MayDisrupt) Delete(set, module, "its base pod is not Ready for too long", Deployment);
    }

    /// <summary>The ModuleDeployment was lowered for them.</summary>
    private void RemoveByLabel()
    {
        if (!state.HaveAgentsReported) return;
        foreach (var set in _sets)
            foreach (var module in set.Live.Where(module => DeletionRequests.IsGranted(Deployment, module)).ToList())
                Delete(set, module, "deleted by label");
    }

    /// <summary>Modules that can only come right by being made anew: from an artifact that was corrected since, and never
    /// available or the end of their base; or without Metaspace where another pod has some.</summary>
    private void RemakeUnusable()
    {
        if (!MayDisrupt) return;
        foreach (var set in _sets.Where(set => set.Set.Goal > 0))
            foreach (var module in set.Live.Where(module => module.IsBound && (!ModuleReadiness.WasEverAvailable(module) || EndedItsBase(module))).ToList())
                if (module.Spec.Module != set.Set.ReplicaSet.Spec.Template.Spec.Module) Delete(set, module, "its artifact was changed");
                else if (IsOutOfMetaspace(module) && Picker.HasNext) Delete(set, module, "its base pod has no Metaspace left");
    }

    private static bool EndedItsBase(Module module) =>
        !module.IsAvailable && module.Status.LastError?.Reason == nameof(FailureReason.BaseDied);

    private bool IsOutOfMetaspace(Module module) =>
        !Deployment.IsSymmetric && module.Spec.Replaces is null && module.Status.Status == ModulePhase.Failed
        && module.Status.LastError?.Reason == nameof(FailureReason.MetaspaceFull);

    /// <summary>New Modules on other pods than what they replace: it goes when they serve.</summary>
    private void FinishHandovers()
    {
        var live = _sets.SelectMany(set => set.Live.Select(module => (Set: set, Module: module))).ToDictionary(item => item.Module.Metadata.Uid!);
        foreach (var newer in live.Values.Where(item => item.Module is { IsBound: true, Spec.Replaces: not null }).ToList())
            if (live.TryGetValue(newer.Module.Spec.Replaces!, out var older) && older.Module.Spec.PodUid != newer.Module.Spec.PodUid
                && older.Set.Holds(older.Module))
            {
                // Moved within its revision: the two count as one. Lowered meanwhile, it is not that one that is too many.
                if (older.Set == newer.Set && older.Set.Replaced.Add(older.Module.Metadata.Uid!) && older.Set.Surplus > 0)
                    older.Set.Replaced.Remove(older.Module.Metadata.Uid!);
                else
                    FinishPair(older.Set, older.Module, newer.Set, newer.Module,
                        () => _budget.IsLongEnough(newer.Module) && _budget.AllowsGap(older.Module));
            }
    }

    /// <summary>Pods with two live Modules: an upgrade is under way there, or was when the goals changed.</summary>
    private void FinishPairs()
    {
        var slots = _sets.SelectMany(set => set.Live.Where(module => module.IsBound).Select(module => (Set: set, Module: module)))
            .GroupBy(item => item.Module.Spec.PodUid!)
            .OrderBy(slot => loads.Pods.TryGetValue(slot.Key, out var pod) ? pod.Name : "", StringComparer.Ordinal);
        foreach (var slot in slots.ToList())
        {
            var modules = slot.ToList();
            if (modules.Count < 2) continue;
            // The replacement is the one that says so; without a word, the one of the newer revision.
            var newer = modules.Find(item => modules.Exists(other => other.Module.Metadata.Uid == item.Module.Spec.Replaces));
            if (newer.Set is null) newer = modules[0];
            var older = modules.Find(item => item.Module.Metadata.Uid == newer.Module.Spec.Replaces);
            if (older.Set is null) older = modules.Find(item => item != newer);
            FinishPair(older.Set, older.Module, newer.Set, newer.Module, () =>
                Upgrade.Of(Deployment, older.Module.Spec.Module, newer.Module.Spec.Module).MayOldGo(older.Module, newer.Module, loads.Pods.GetValueOrDefault(slot.Key), _budget));
        }
    }

    private void FinishPair(PlannedReplicaSet olderSet, Module older, PlannedReplicaSet newerSet, Module newer, Func<bool> mayOldGo)
    {
        var isOnePod = older.Spec.PodUid == newer.Spec.PodUid;
        if (newerSet.Surplus <= 0)
        {
            olderSet.Replaced.Add(older.Metadata.Uid!);
            if (!MayDisrupt) return;
            if (mayOldGo())
            {
                Delete(olderSet, older, $"replaced by {newer.Metadata.Name}");
                return;
            }

            var leavesGap = isOnePod && Upgrade.Of(Deployment, older.Spec.Module, newer.Spec.Module) is UninstallThenInstall;
            // Each would wait for the other for ever: the new one comes up on another pod first.
            if (leavesGap && _budget.WouldInterrupt(older))
            {
                olderSet.Replaced.Remove(older.Metadata.Uid!);
                Delete(newerSet, newer, $"nothing else serves than {older.Metadata.Name}");
            }
            // It is about to be removed: what it will leave is nobody else's. Where only a restart lets that happen, others go on.
            else if (leavesGap && !Upgrade.AwaitsRestart(older, loads.Pods.GetValueOrDefault(older.Spec.PodUid!))) _budget.TakeDown(older);
        }
        else if (!MayDisrupt) olderSet.Replaced.Add(older.Metadata.Uid!);
        // Undone in mid-upgrade, or overtaken by a third revision: one of the two goes, the one that serves stays.
        // On another pod, what goes leaves a gap whatever the other one does.
        else if (olderSet.Surplus > 0 && newer.IsAvailable && isOnePod) Delete(olderSet, older, $"replaced by {newer.Metadata.Name}");
        else if (olderSet.Surplus > 0 && newer.IsAvailable)
        {
            if (_budget.AllowsGap(older)) Delete(olderSet, older, $"replaced by {newer.Metadata.Name}");
            else olderSet.Replaced.Add(older.Metadata.Uid!);
        }
        else if ((older.IsAvailable && isOnePod) || (_budget.AllowsGap(newer) && !_budget.WouldInterrupt(newer)))
            Delete(newerSet, newer, $"{older.Metadata.Name} stays");
        // Only the one that should go serves, and too many others do not: it leaves later, and no other one in its stead.
        else
        {
            newerSet.Replaced.Add(newer.Metadata.Uid!);
            _busyPods.Add(newer.Spec.PodUid!);
        }
    }

    private List<MissingModule> Wanted() =>
        [.. _sets.Where(set => set.Surplus <= 0 && !IsQuarantined(set.Set)).SelectMany(set =>
            set.Live.Where(module => !module.IsBound).Select(module => new MissingModule(set, module))
                .Concat(Enumerable.Repeat(new MissingModule(set, null), IsInvalid(set) ? 0 : -set.Surplus)))];

    // Stored before a rule existed, and reported as InvalidSpec: no Module is created from it until it is corrected.
    private bool IsInvalid(PlannedReplicaSet set) =>
        set.Surplus < 0 && ModuleRules.Check(set.Set.ReplicaSet.Spec.Template).Count > 0 && ModuleRules.Check(Deployment).Count > 0;

    // What is lost of it, or makes room, stays away also before its goal says so.
    private bool IsQuarantined(ReplicaSetWithModules set) =>
        Quarantine.IsRecorded(Deployment)
        && Deployment.Status.ReleaseStatus!.UpdateRevision == Revision.Of(set.ReplicaSet.Spec.Template).Hash();

    /// <summary>The Modules above their goals, the ones to go first in front.</summary>
    /// <param name="successor">What takes their places; null: nothing does.</param>
    private List<(PlannedReplicaSet Set, Module Module)> Leaving(PlannedReplicaSet? successor) =>
        [.. _sets.Where(set => set.Surplus > 0).SelectMany(set => set.Live
            .Where(module => !set.Replaced.Contains(module.Metadata.Uid!))
            .OrderBy(module => LeavingOrder(module, successor)).ThenByDescending(module => module.Metadata.Name, StringComparer.Ordinal)
            .Take(set.Surplus).Select(module => (set, module)))];

    // The mirror of placement: unbound, failed, unavailable, then from shaky and outgoing pods, then by policy. What can't be upgraded
    // in its place before its base restarts comes last.
    private (bool, bool, bool, bool, bool, bool, int) LeavingOrder(Module module, PlannedReplicaSet? successor)
    {
        var pod = module.Spec.PodUid is { } uid ? loads.Pods.GetValueOrDefault(uid) : null;
        var awaitsRestart = successor is not null && Upgrade.AwaitsRestart(module, pod)
            && Upgrade.Of(Deployment, module.Spec.Module, successor.Set.ReplicaSet.Spec.Template.Spec.Module) is UninstallThenInstall;
        var count = pod is null ? 0 : loads.Count(pod.Uid);
        return (module.IsBound, module.Status.Status != ModulePhase.Failed, module.IsAvailable, awaitsRestart, pod is { IsDisrupted: false },
            pod is { IsNewest: true }, Deployment.SchedulingPolicy == SchedulingPolicy.Scatter ? -count : count);
    }

    /// <summary>Surplus Modules hand their pods to the wanted ones; what nobody wants just goes.</summary>
    /// <returns>The places that are left, to be found on other pods.</returns>
    private List<MissingModule> ReplaceOrRemove(List<MissingModule> wanted, List<(PlannedReplicaSet Set, Module Module)> leaving)
    {
        if (!MayDisrupt) return [.. wanted.Skip(leaving.Count(item => item.Module.IsBound))];
        foreach (var (set, module) in leaving.Where(item => !item.Module.IsBound)) Delete(set, module, "it is no longer wanted");
        leaving.RemoveAll(item => !item.Module.IsBound);
        var outright = Math.Max(0, leaving.Count - wanted.Count);
        foreach (var (set, module) in leaving.Take(outright).Where(item => MayRemove(item.Module)))
            Delete(set, module, "it is no longer wanted");
        // What leaves makes room for the newest revision. One that waits already may find another pod; a new one for each that
        // has to wait its turn would only wait, too.
        var places = new Queue<MissingModule>(wanted.OrderBy(place => place.Set != _sets[0]).ThenBy(place => place.Waiting is not null));
        List<MissingModule> elsewhere = [];
        foreach (var (set, module) in leaving.Skip(outright))
            if (places.TryDequeue(out var place) && Replace(set, module, place) == UpgradeStart.Elsewhere)
                elsewhere.Add(IsHandingOver ? place with { Replaces = module } : place);
        var unplaced = PlaceElsewhereFirst(elsewhere);
        if (IsHandingOver)
            Handover = new(
                leaving.Count + _sets.Where(set => set.Set.Goal > 0 && set.Surplus <= 0).Sum(set => set.Live.Count(module => module.IsBound)),
                unplaced, Coming);
        return [.. places];
    }

    // Goals change one by one, the new revision's first: until the old one's has followed, a place that the new one could
    // take over from it would be filled elsewhere. And until the goals follow, what was deleted by label would be created again, also
    // after its Module is gone from the caches: a lower number counts as by scale until the goals have followed.
    private List<MissingModule> WithinDesired(List<MissingModule> wanted)
    {
        var replicas = DesiredReplicas.Of(Deployment, state.Pods.Count);
        var excess = Math.Max(0, _sets.Sum(set => set.Set.Goal) - replicas.Desired);
        if (excess == 0) return wanted;
        if (!replicas.IsByScale && _sets.Count(set => set.Set.Goal > 0) < 2)
            excess = Math.Min(excess, group.Sets.SelectMany(set => set.Modules).Count(module => DeletionRequests.IsGranted(Deployment, module)));
        return [.. wanted.Take(wanted.Count - excess)];
    }

    private bool MayRemove(Module module) => _budget.AllowsRemoval(module) && !_budget.WouldInterrupt(module);

    /// <summary>Two revisions are there, and the new one comes up on other pods.</summary>
    private bool IsHandingOver => IsMovingElsewhere && _sets.Count(set => set.Set.Goal > 0 || set.Live.Count > 0) > 1;

    private bool IsMovingElsewhere => UpgradePolicies.Effective(Deployment) == UpgradePolicy.ScaleUpThenScaleDown
        && Deployment.Status.ReleaseStatus?.Progress != ReleaseProgress.Aborted;

    /// <summary>Pods that may take this module as soon as they are up.</summary>
    private int Coming => loads.Pods.Values.Count(pod => pod.IsStarting && loads.MayTake(pod, ModuleName) && !loads.Has(pod.Uid, ModuleName));

    /// <summary>Who finds no pod now will find one: an old version leaves its own, or will when what takes over from it serves, or
    /// the base gets another pod. Null: what is there waits for the unplaced themselves, and makes no room for them.</summary>
    private (string, string)? AwaitingPlace => IsMovingElsewhere && group.Sets.Count(set => set.Goal > 0 || set.Modules.Count > 0) > 1
        && (_isHandedOver || _busyPods.Overlaps(loads.Pods.Keys)
        || _sets.Exists(set => set.Replaced.Count > 0) || Coming > 0 || (state.Base is { IsRefusedPods: false } found && found.Replicas > state.Pods.Count))
            ? (Reasons.AwaitingPlace, "waits for a base pod that another version leaves, or that is coming up")
            : null;

    /// <summary>The pods that have this module or may take it, those that are still to come included.</summary>
    private int Places()
    {
        var slots = _sets.SelectMany(set => set.Live).Select(module => module.Spec.PodUid).ToHashSet();
        return state.Pods.Count(pod => slots.Contains(pod.Uid) || loads.HasRoom(pod, ModuleName))
            + Math.Max(0, (state.Base?.Replicas ?? 0) - state.Pods.Count);
    }

    private UpgradeStart Replace(PlannedReplicaSet set, Module old, MissingModule place)
    {
        var upgrade = Upgrade.Of(Deployment, old.Spec.Module, place.Set.Set.ReplicaSet.Spec.Template.Spec.Module);
        var pod = loads.Pods.GetValueOrDefault(old.Spec.PodUid!);
        var start = upgrade.Start(old, pod, _budget);
        if (start == UpgradeStart.Elsewhere) return start;
        // Another Module of this name is on its way out there, or what serves there can't be seen: not now.
        if (_busyPods.Contains(old.Spec.PodUid!) || pod is null) return UpgradeStart.Wait;
        if (pod.IsOrphaned || (!pod.IsCurrent && old.IsAvailable)) return UpgradeStart.Wait;
        if (start is UpgradeStart.Wait || (place.Waiting is null && state.IsCreationBlocked)) return start;
        _steps.Add(place.Waiting is { } waiting
            ? new PlacementStep.Bind(waiting, pod, old)
            : new PlacementStep.Create(Deployment, place.Set.Set.ReplicaSet, place.Set.NextName(), pod, old));
        if (start == UpgradeStart.Instead) Delete(set, old, "replaced by a new revision");
        else set.Replaced.Add(old.Metadata.Uid!);
        if (start == UpgradeStart.Prepare && !Upgrade.AwaitsRestart(old, pod)) _budget.TakeDown(old);
        return start;
    }

    /// <returns>How many found no pod.</returns>
    private int PlaceElsewhereFirst(List<MissingModule> places)
    {
        _isHandedOver = IsHandingOver && places.Count > 0 && Picker.HasNext;
        var placement = IsHandingOver
            ? new Placer(state, Deployment, loads, _steps)
            {
                Unplaced = AwaitingPlace,
                Advice = state.Base is { } found ? $"scaleup_then_scaledown needs other base pods: {found.Advice}" : null,
            }
            : new Placer(state, Deployment, loads, _steps)
            {
                Unplaced = (Reasons.WouldInterruptService,
                    "nothing else serves, the old version has to go first, and no other base pod takes the new one: "
                    + "set operationStrategy.maxUnavailable to accept the gap, or add a base pod"),
            };
        placement.Place(places, Picker);
        return placement.UnplacedCount;
    }

    private void Delete(PlannedReplicaSet set, Module module, string why, ModuleDeployment? tell = null, bool needsPodGone = false)
    {
        _steps.Add(new PlacementStep.Delete(module, why, tell) { RequiresPodGone = needsPodGone });
        set.Remove(module);
        _budget.TakeDown(module);
        if (module.IsBound) _busyPods.Add(module.Spec.PodUid!);
    }
}
