using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Facts;

namespace ModuleController.Core.Placement;

/// <summary>The plan of one ModuleDeployment while it is made. It changes with each step of <see cref="GroupPlanner"/>, through the
/// methods of this type, and with it the budget, the loads and the counts of the ReplicaSets.</summary>
internal sealed class GroupPlan
{
    private readonly List<PlacementStep> _steps = [];
    private readonly HashSet<string> _blockedPods;
    private PodPicker? _freePods;

    public GroupPlan(PlacementState state, DeploymentGroup group, PodLoads loads, DateTimeOffset now)
    {
        (State, Group, Loads) = (state, group, loads);
        Sets =
        [
            .. group.Sets.OrderByDescending(set => set.Revision).ThenBy(set => set.ReplicaSet.Metadata.Name, StringComparer.Ordinal)
                .Select(set => new PlannedReplicaSet(set, state.Strays)),
        ];
        _blockedPods = [.. group.Sets.SelectMany(set => set.Modules)
            .Where(module => module is { IsBound: true, Metadata.IsDeleting: true }).Select(module => module.Spec.PodUid!)];
        Budget = new(group, Live.Select(item => item.Module), Sets.Sum(set => set.Set.Goal), Places(), now);
    }

    public PlacementState State { get; }

    public DeploymentGroup Group { get; }

    public PodLoads Loads { get; }

    public DisruptionBudget Budget { get; }

    /// <summary>The newest revision first.</summary>
    public IReadOnlyList<PlannedReplicaSet> Sets { get; }

    public IReadOnlyList<PlacementStep> Steps => _steps;

    /// <summary>Null: no release of this ModuleDeployment needs other pods.</summary>
    public Handover? Handover { get; set; }

    public DateTimeOffset? RequeueAt { get; set; }

    public ModuleDeployment Deployment => Group.Deployment;

    public string ModuleName => Deployment.Spec.Template.Spec.Module.Name;

    public IEnumerable<PlannedModule> Live => Sets.SelectMany(set => set.Live.Select(module => new PlannedModule(set, module)));

    /// <summary>The plan moves, creates and deletes nothing.</summary>
    public bool IsQuiet => _steps.TrueForAll(step => step is PlacementStep.Explain or PlacementStep.Create { Pod: null });

    /// <summary>What serves may be removed. An outage of agents does not stop the deletion of a ModuleDeployment.</summary>
    public bool MayDisrupt => State.HaveAgentsReported && (State.Outage is null || Deployment.Metadata.IsDeleting);

    /// <summary>The pods that take a new Module, best first.</summary>
    public PodPicker FreePods => _freePods ??= new(Loads, ModuleName, Deployment.SchedulingPolicy);

    /// <summary>A Module leaves one of the base's pods.</summary>
    public bool HasBlockedPods => _blockedPods.Overlaps(Loads.Pods.Keys);

    public CandidatePod? PodOf(Module module) => module.Spec.PodUid is { } uid ? Loads.Pods.GetValueOrDefault(uid) : null;

    /// <summary>A Module of this name leaves the pod: no replacement starts there.</summary>
    public bool IsBlocked(string podUid) => _blockedPods.Contains(podUid);

    public void Block(string podUid) => _blockedPods.Add(podUid);

    public void Add(PlacementStep step) => _steps.Add(step);

    /// <summary>Creates the missing Module on this pod, or binds it.</summary>
    public void Place(MissingModule missing, CandidatePod pod, Module? replaces)
    {
        Loads.Add(pod.Uid, ModuleName);
        Add(missing.Unbound is { } unbound
            ? new PlacementStep.Bind(unbound, pod, replaces)
            : new PlacementStep.Create(Deployment, missing.Set.Set.ReplicaSet, missing.Set.NextName(), pod, replaces));
    }

    public void Delete(PlannedModule item, string why, ModuleDeployment? notify = null, bool requiresPodGone = false)
    {
        Add(new PlacementStep.Delete(item.Module, why, notify) { RequiresPodGone = requiresPodGone });
        item.Set.Remove(item.Module);
        Budget.TakeDown(item.Module);
        if (item.PodUid is { } pod) Block(pod);
    }

    /// <summary>How many pods have this module, or have room for it. Pods that the base does not have yet are included.</summary>
    private int Places()
    {
        var occupied = Live.Select(item => item.PodUid).ToHashSet();
        return State.Pods.Count(pod => occupied.Contains(pod.Uid) || Loads.HasRoom(pod, ModuleName))
            + Math.Max(0, (State.Base?.Replicas ?? 0) - State.Pods.Count);
    }
}
