using ModuleController.Core.Agents;
using ModuleController.Core.Builtin;
using ModuleController.Core.Commands;
using ModuleController.Core.Execution;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Facts;
using ModuleController.Core.Modules.Names;
using ModuleController.Core.Modules.Records;
using ModuleController.Core.Placement;
using ModuleController.Core.Rollouts;

namespace ModuleController.Core.Tests.World;

/// <summary>Pods, ModuleDeployments and Modules in memory: carries plans out, plays the agents, and breaks things on request.</summary>
internal sealed class SmallWorld
{
    private readonly Dictionary<string, Dictionary<string, CommandAnswer>> _answers = [];
    private int _lastUid;

    public DateTimeOffset Now { get; set; } = A.Time;

    public SortedDictionary<string, CandidatePod> Pods { get; } = new(StringComparer.Ordinal);

    public SortedDictionary<string, ModuleDeployment> Deployments { get; } = new(StringComparer.Ordinal);

    public SortedDictionary<string, ModuleReplicaSet> ReplicaSets { get; } = new(StringComparer.Ordinal);

    public SortedDictionary<string, Module> Modules { get; } = new(StringComparer.Ordinal);

    public Freeze? Freeze { get; set; }

    public ArtifactPolicy ArtifactPolicy { get; set; } = ArtifactPolicy.None;

    /// <summary>All versions of a module have one web context path.</summary>
    public bool SharePath { get; set; }

    public HashSet<string> BrokenVersions { get; } = [];

    /// <summary>What statuses say is as old as that.</summary>
    public bool AreAgentsSilent { get; set; }

    /// <summary>Names of pods whose agents this leader has not heard.</summary>
    public HashSet<string> SilentPods { get; } = [];

    /// <summary>Null: nobody decides about the number of pods.</summary>
    public Deployment? Base { get; set; }

    /// <summary>Called after each step of anybody.</summary>
    public Action AfterStep { get; set; } = () => { };

    /// <summary>Which steps the API server rejects.</summary>
    public Func<object, bool> Rejects { get; set; } = _ => false;

    /// <summary>Names of Modules that failed and are not tried again.</summary>
    public HashSet<string> Stuck { get; } = [];

    public List<string> Log { get; } = [];

    public List<PlannedEvent> Events { get; } = [];

    public RolloutPlan? LastPlan { get; private set; }

    public PlacementPlan LastPlacement { get; private set; } = new();

    /// <summary>So many calls of the API carry that plan out.</summary>
    public int LastCalls { get; private set; }

    /// <summary>Another world that is the same until something is done in one of them.</summary>
    public SmallWorld Copy()
    {
        var copy = new SmallWorld
        {
            Now = Now,
            Freeze = Freeze,
            ArtifactPolicy = ArtifactPolicy,
            SharePath = SharePath,
            CanFetch = CanFetch,
            LostPods = LostPods,
            _lastUid = _lastUid
        };
        foreach (var (key, value) in Pods) copy.Pods[key] = value;
        foreach (var (key, value) in Deployments) copy.Deployments[key] = value;
        foreach (var (key, value) in ReplicaSets) copy.ReplicaSets[key] = value;
        foreach (var (key, value) in Modules) copy.Modules[key] = value;
        foreach (var (key, value) in _answers) copy._answers[key] = new(value);
        copy.BrokenVersions.UnionWith(BrokenVersions);
        copy.Stuck.UnionWith(Stuck);
        copy.SilentPods.UnionWith(SilentPods);
        return copy;
    }

    public string NewUid() => $"u{++_lastUid:d5}";

    /// <summary>Whether agents of new pods can fetch before an install.</summary>
    public bool CanFetch { get; init; }

    public void AddPod(string name) =>
        Pods[name] = A.Pod(name) with { Uid = NewUid(), CreatedAt = Now.AddSeconds(_lastUid), CanFetch = CanFetch };

    /// <summary>So many went, so that a new pod never gets the name of an old one.</summary>
    public int LostPods { get; private set; }

    public void LosePod(string name)
    {
        Pods.Remove(name);
        LostPods++;
    }

    public IEnumerable<Module> ModulesOf(string replicaSetUid) =>
        Modules.Values.Where(module => module.Metadata.Controller?.Uid == replicaSetUid);

    public List<ReplicaSetWithModules> SetsOf(ModuleDeployment deployment) =>
    [
        .. ReplicaSets.Values.Where(set => set.Metadata.Controller?.Uid == deployment.Metadata.Uid)
            .Select(set => new ReplicaSetWithModules(set, [.. ModulesOf(set.Metadata.Uid!)])),
    ];

    private List<Module> OrphansOf(ModuleDeployment deployment) =>
        [.. Modules.Values.Where(module => OrphanedModules.IsOf(deployment, module))];

    public PlacementState Placement(Func<int, int>? shuffle = null)
    {
        IReadOnlyList<T> Mixed<T>(IEnumerable<T> items) => shuffle is null
            ? [.. items]
            : [.. items.Select((item, index) => (item, index)).OrderBy(pair => shuffle(pair.index)).Select(pair => pair.item)];
        return new()
        {
            Pods = Mixed(Pods.Values.Select(Observed)),
            Base = Base is null ? null : new(Base),
            ArtifactPolicy = ArtifactPolicy,
            Strays = Mixed(
                Modules.Values.Where(module => !ReplicaSets.Values.Any(set => set.Metadata.Uid == module.Metadata.Controller?.Uid))),
            Groups = Mixed(Deployments.Values.Select(deployment => new DeploymentGroup(deployment,
                Mixed(SetsOf(deployment).Select(set => set with { Modules = Mixed(set.Modules) })))
            {
                IsConflicting = ModuleConflicts.Of(deployment, Deployments.Values) is not null,
            })),
        };
    }

    private CandidatePod Observed(CandidatePod pod) => SilentPods.Contains(pod.Name)
        ? pod with
        {
            IsCurrent = false,
            CanFetch = false,
            Staged = new HashSet<string>(),
            Refusal = pod.Refusal
            ?? "has no agent connected"
        }
        : pod.IsOutOfMetaspace ? pod with { Refusal = pod.Refusal ?? "is out of Metaspace" }
        : pod;

    /// <summary>Users can't write who changed a ModuleDeployment.</summary>
    public bool HasWebhooks { get; set; } = true;

    public RolloutState Rollout(ModuleDeployment deployment) => new()
    {
        Deployment = deployment,
        Change = HasWebhooks ? LastChange.Of(deployment) : null,
        Sets = OrphanedModules.Adopted(SetsOf(deployment), OrphansOf(deployment)),
        OrphanedModules = [.. OrphansOf(deployment).Where(module => OrphanedModules.SetOf(module, SetsOf(deployment)) is null)],
        Base = new Deployment { Metadata = new() { Name = "base", Namespace = "test", Uid = "uid-base" } },
        BasePods = Pods.Values.Select(pod => pod.Uid).ToHashSet(),
        Freeze = Freeze,
        ArtifactPolicy = ArtifactPolicy,
        Carriers =
        [
            .. SetsOf(deployment).SelectMany(set => set.Modules).Where(module => module.IsBound && !module.Metadata.IsDeleting)
                .Where(module => Pods.Values.Any(pod => pod.Uid == module.Spec.PodUid)).Select(module => module.Spec.PodName!).Distinct()
                .Select(pod => (new ObjectKey("test", pod), Pods[pod].Uid, View(pod))),
        ],
        FullPods = [.. Pods.Values.Where(pod => pod.IsOutOfMetaspace).Select(pod => pod.Uid)],
        Observed = AreAgentsSilent ? [] : Modules.Values.Select(module => module.Metadata.Uid!).ToHashSet(),
        ConflictsWith = ModuleConflicts.Of(deployment, Deployments.Values)?.Metadata.Name,
    };

    /// <summary>One look of the ModuleDeployment's reconciler. True: something changed.</summary>
    /// <param name="name">The ModuleDeployment.</param>
    /// <param name="calls">The process dies after so many calls of the API.</param>
    public bool StepRollout(string name, int calls = int.MaxValue)
    {
        var deployment = Deployments[name];
        var state = Rollout(deployment);
        var plan = LastPlan = RolloutPlanner.Plan(state, Now);
        LastCalls = plan.Steps.Count + plan.StepsAfterStatus.Count + (IsNews(plan, deployment) ? 1 : 0);
        calls = Run(RolloutOrder.Of(state, plan), calls, step => step is RolloutStep.WriteStatus
            && !IsNews(plan, deployment), Rejects, step => this.CarryOut(name, step));
        if (calls > 0) Events.AddRange(plan.Events);
        return LastCalls > 0;
    }

    /// <summary>A look of the ModuleDeployment's reconciler at Modules and pods as they were. What it writes to the ModuleDeployment is
    /// a conflict where that is another one by now, and nothing follows it.</summary>
    public void StepRolloutOn(SmallWorld seen, string name)
    {
        var stale = seen.Copy();
        // Its own writes a process has always seen.
        stale.ReplicaSets.Clear();
        foreach (var (key, set) in ReplicaSets) stale.ReplicaSets[key] = set;
        var before = stale.Deployments[name];
        var isSame = ReferenceEquals(before, Deployments[name]);
        var state = stale.Rollout(before);
        var plan = RolloutPlanner.Plan(state, Now);
        Run(RolloutOrder.Of(state, plan), int.MaxValue, step => step is RolloutStep.WriteStatus && !IsNews(plan, before),
            step => step is RolloutStep.UpdateDeployment or RolloutStep.WriteStatus && !isSame, step => this.CarryOut(name, step));
    }

    /// <summary>One look of placement. True: something changed.</summary>
    public bool StepPlacement(int calls = int.MaxValue)
    {
        var state = Placement();
        var plan = LastPlacement = PlacementPlanner.Plan(state, Now);
        Run(PlacementOrder.Of(state, plan), calls, step => step is PlacementStep.WriteCounts or PlacementStep.ConfirmPodGone
            && !Rejects(step), Rejects, step =>
        {
            this.CarryOut(step);
            AfterStep();
        });
        return plan.Steps.Count > 0;
    }

    /// <summary>Carries a plan out as the reconcilers do. The process dies after so many calls.</summary>
    /// <returns>The calls that are left.</returns>
    private static int Run<TStep>(
        IReadOnlyList<IReadOnlyList<PlannedStep<TStep>>> stages, int calls, Func<TStep, bool> isNoCall, Func<TStep, bool> rejects,
        Action<TStep> carryOut)
    {
        var run = new PlanRun<TStep>(stages, []);
        while (run.Next() is { Count: > 0 } group)
            foreach (var step in group.Where(step => !isNoCall(step.Step)))
                if (calls-- <= 0) run.Stop();
                else if (rejects(step.Step)) run.Fail(step.Unit);
                else carryOut(step.Step);
        return calls;
    }

    private static bool IsNews(RolloutPlan plan, ModuleDeployment before) =>
        plan.Status is { } status && ResourceText.Of(status) != ResourceText.Of(before.Status);

    /// <summary>What the base's ReplicaSet would do next. True: something changed.</summary>
    public bool StepBase()
    {
        var missing = (Base?.Spec.Replicas ?? Pods.Count) - Pods.Count;
        if (missing > 0) AddPod($"base-{_lastUid + 1}");
        else if (missing < 0) Pods.Remove(Pods.Values.OrderBy(pod => !pod.IsMarked).ThenBy(pod => pod.Name, StringComparer.Ordinal)
            .First().Name);
        if (missing != 0) AfterStep();
        return missing != 0;
    }

    /// <summary>Everybody does what there is to do, until nothing is. Fails when that never ends.</summary>
    public void Settle(int rounds = 200)
    {
        for (var round = 0; round < rounds; round++)
        {
            var isChange = false;
            foreach (var name in Deployments.Keys.ToList()) isChange |= StepRollout(name);
            isChange |= StepPlacement();
            foreach (var name in Modules.Keys.ToList()) isChange |= this.StepModule(name);
            isChange |= StepBase();
            if (!isChange) return;
        }

        throw new InvalidOperationException($"does not settle; the last steps: {string.Join(" | ", Log.TakeLast(20))}");
    }

    private BaseView View(string pod) => new()
    {
        IsConnected = !SilentPods.Contains(pod),
        LastMessageAt = Now,
        State = BaseState.Up,
        Life = new("life", A.Time),
        IsBizKnown = true,
        Biz = [.. Modules.Values.Where(module => module.Spec.PodName == pod && module.IsAvailable)
            .Select(module =>
                new BizView(module.Spec.Module.Name, module.Spec.Module.Version, BizState.Activated) { WebContextPath = SharePath
                ? "app" : null })],
        Answers = _answers.GetValueOrDefault(pod) ?? [],
    };

    public void Answer(RolloutStep.Inspect inspect)
    {
        if (!_answers.TryGetValue(inspect.Pod.Name, out var answers)) _answers[inspect.Pod.Name] = answers = [];
        answers[inspect.Command.Id] = new(inspect.Command.Id, CommandOutcome.Succeeded, null, null, null, "life", Now)
        {
            Artifact = new(inspect.Command.Name, inspect.Command.Version, SharePath ? "app" : null, null),
        };
    }
}
