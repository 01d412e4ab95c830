using System.Globalization;
using ModuleController.Core.Agents;
using ModuleController.Core.BasePods;
using ModuleController.Core.BasePods.Gates;
using ModuleController.Core.Builtin;
using ModuleController.Core.Commands;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Facts;
using ModuleController.Core.Modules.Names;

namespace ModuleController.Core.Tests.BasePod;

/// <summary>One base pod, its Modules, its agent and a clock: carries plans out as the reconciler does.</summary>
internal sealed class World
{
    public static readonly DateTimeOffset Start = new(2026, 3, 1, 9, 0, 0, TimeSpan.Zero);

    private readonly Dictionary<string, ModuleSettings> _settings = [];
    private readonly PlanChecks _checks;
    private int _uids;

    public World() => _checks = new(this);

    public DateTimeOffset Now { get; private set; } = Start.AddMinutes(1);

    public Pod? Pod { get; set; } = new()
    {
        Metadata = new() { Name = "base-1", Namespace = "shop", Uid = "pod-1" },
        Status = new() { Phase = "Running" },
    };

    public Dictionary<string, Module> Modules { get; } = [];

    public AgentModel Agent { get; } = new();

    public BasePodMemory Memory { get; set; } = BasePodMemory.Empty;

    public DateTimeOffset AcceptingSince { get; set; } = Start;

    public bool IsNamespaceTerminating { get; set; }

    public bool IsReleased { get; set; }

    /// <summary>What the kubelet says of the base's container.</summary>
    public bool IsBaseReady
    {
        set => Pod = Pod! with { Status = Pod.Status with { ContainerStatuses = [new() { Name = "base", Ready = value }] } };
    }

    /// <summary>When the base's container started, on the host network of its node.</summary>
    public DateTimeOffset OnHostNetworkSince
    {
        set => Pod = HostNetworkPods.Of(Pod!, value);
    }

    /// <summary>The other pods on the host network of its node, with what their agents report.</summary>
    public List<(Pod Pod, BaseView View)> Neighbors { get; } = [];

    /// <summary>What the readiness gate waits for; null: the pod has none.</summary>
    public PodGate? Gate
    {
        get;
        set
        {
            field = value;
            Pod = Pod! with { Spec = Pod.Spec with { ReadinessGates = value is null ? [] : [new(ModulesGate.ConditionType)] } };
        }
    }

    /// <summary>Modules that fail on the older pods of the base, too.</summary>
    public HashSet<string> FailingOnOlderPods { get; } = [];

    public int GateWrites { get; private set; }

    public Condition? GateCondition => Pod is null ? null : ModulesGate.ConditionOf(Pod);

    public bool IsGateOpen => GateCondition?.Status == Condition.True;

    /// <summary>Names whose endpoints still hold the pod.</summary>
    public HashSet<string> InEndpoints { get; } = [];

    public HashSet<string> Served { get; } = [];

    /// <summary>Revisions, as <c>name:version</c>, that lived for a minute, here or elsewhere.</summary>
    public HashSet<string> Lived { get; init; } = [];

    /// <summary>Names of modules whose revision was given up.</summary>
    public HashSet<string> Quarantined { get; init; } = [];

    public List<BasePodEvent> Events { get; } = [];

    public List<ModuleCommand> Sent { get; } = [];

    public int StatusWrites { get; private set; }

    public int LabelWrites { get; private set; }

    public BasePodPlan Last { get; private set; } = new();

    public ModuleSettings this[string name]
    {
        get => _settings.GetValueOrDefault(name, new());
        set => _settings[name] = value;
    }

    public Module Add(string name, string version = "1.0.0", Module? replaces = null, string? podUid = null)
    {
        var uid = $"m{++_uids}-{name}";
        return Modules[uid] = new()
        {
            Metadata = new() { Name = $"{name}-{_uids}", Namespace = "shop", Uid = uid, Finalizers = [FinalizerNames.Module] },
            Spec = new()
            {
                Module = new() { Name = name, Version = version, Url = $"http://jars/{name}-{version}.jar" },
                PodName = "base-1",
                PodUid = podUid ?? "pod-1",
                Replaces = replaces?.Metadata.Uid,
            },
            // The default of the schema.
            Status = new() { Status = ModulePhase.Pending },
        };
    }

    /// <summary>A module that has served for ten minutes.</summary>
    public Module AddInstalled(string name, TimeSpan drain)
    {
        this[name] = new() { TrafficDrain = drain };
        var module = Add(name);
        Settle();
        Advance(600);
        Sent.Clear();
        return module;
    }

    public void Delete(Module module, params string[] labels)
    {
        if (!Modules.TryGetValue(module.Metadata.Uid!, out var current)) return;
        Modules[module.Metadata.Uid!] = current with
        {
            Metadata = current.Metadata with
            {
                DeletionTimestamp = current.Metadata.DeletionTimestamp ?? Now,
                Labels = labels.ToDictionary(label => label, _ => "true"),
            },
        };
    }

    public Module? Find(Module module) => Modules.GetValueOrDefault(module.Metadata.Uid!);

    public ModuleStatus Status(Module module) => Modules[module.Metadata.Uid!].Status;

    public bool HasLabel(string name) => Pod?.Metadata.Labels.GetValueOrDefault(Labels.Traffic(name)) == "true";

    public void SetPod(Func<ObjectMeta, ObjectMeta> change) => Pod = Pod! with { Metadata = change(Pod.Metadata) };

    public void Advance(double seconds) => Now = Now.AddSeconds(seconds);

    public BasePodState State() => new()
    {
        Key = new("shop", "base-1"),
        Pod = Pod,
        IsNamespaceTerminating = IsNamespaceTerminating,
        IsReleased = IsReleased,
        Modules =
        [
            .. Modules.Values.Select(module => new PodModule(module, this[module.Spec.Module.Name])
            {
                HasServed = Served.Contains(module.Spec.Module.Name),
                HasLived = Lived.Contains($"{module.Spec.Module.Name}:{module.Spec.Module.Version}"),
                IsQuarantined = Quarantined.Contains(module.Spec.Module.Name)
                    && !(module.IsAvailable && module.Status.BaseLife == Agent.Life.Id),
                IsInEndpoints = InEndpoints.Contains(module.Spec.Module.Name),
                DeploymentUid = $"of-{module.Spec.Module.Name}",
                FailsOnOlderPods = FailingOnOlderPods.Contains(module.Spec.Module.Name),
            }),
        ],
        View = View(),
        AcceptingSince = AcceptingSince,
        Gate = Gate,
        Memory = Memory,
    };

    private BaseView? View() => Agent.View(Now) is { } view && Pod is not null
        ? view with { Shared = SharedArklet.Of(Pod, view, Neighbors) }
        : Agent.View(Now);

    /// <summary>The module counts for the gate, as if its first release had completed with this version.</summary>
    public static RequiredModule Required(string name, bool onEveryPod = true, string version = "1.0.0") =>
        new($"of-{name}", new() { Name = name, Version = version }) { IsOnEveryPod = onEveryPod };

    /// <summary>Plans once and carries the plan out; checks what must hold for every plan.</summary>
    public BasePodPlan Reconcile()
    {
        // As the ModuleDeployment's reconciler notes it.
        foreach (var module in Modules.Values.Where(module => ModuleReadiness.IsAvailable(module, BasePodTimes.Suspicious, Now)))
            Lived.Add($"{module.Spec.Module.Name}:{module.Spec.Module.Version}");
        var state = State();
        var plan = BasePodPlanner.Plan(state, Now);
        _checks.Check(state, plan);
        foreach (var change in plan.Statuses) Write(change);
        if (plan.Labels.Count > 0) Patch(plan.Labels);
        if (plan.Gate is { } gate) Write(gate);
        foreach (var removal in plan.Finalizers) Remove(removal);
        Events.AddRange(plan.Events);
        Memory = plan.Memory;
        if (plan.Command is { } command && Agent.Accept(command, Now))
        {
            Sent.Add(command);
            Memory = Memory.WithSent(command);
        }

        Assert.Empty(Agent.Violations);
        foreach (var module in Modules.Values.Where(module => module.IsAvailable && module.Spec.PodUid == Pod?.Metadata.Uid))
            Assert.True(HasLabel(module.Spec.Module.Name), $"{module.Metadata.Name} is Available without its label");
        return Last = plan;
    }

    /// <summary>Until there is nothing to do without time passing; commands succeed at once.</summary>
    public void Settle(bool finish = true)
    {
        for (var round = 0; round < 100; round++)
        {
            var plan = Reconcile();
            if (finish && Agent.Fetching.Count > 0) Agent.FinishFetch(Now);
            else if (finish && Agent.Running is not null) Agent.Finish(Now);
            else if (plan.IsEmpty) return;
        }

        Assert.Fail($"no rest after 100 rounds; last command {Last.Command?.Id}, labels {string.Join(',', Last.Labels)}");
    }

    /// <summary>As <see cref="Settle"/>, and lets time pass to each moment that a plan named, up to a limit.</summary>
    public void SettleWithin(double seconds, bool finish = true)
    {
        var end = Now.AddSeconds(seconds);
        Settle(finish);
        while (Last.RequeueAt is { } next && next <= end)
        {
            Assert.True(next > Now, "a plan asked to look again in the past");
            Now = next;
            Settle(finish);
        }

        Now = end;
        Settle(finish);
    }

    private void Write(Condition gate)
    {
        GateWrites++;
        Pod = Pod! with { Status = Pod.Status with { Conditions = [.. Pod.Status.Conditions.Without(gate.Type), gate] } };
    }

    private void Write(ModuleStatusChange change)
    {
        StatusWrites++;
        var uid = change.Module.Metadata.Uid!;
        Assert.Same(Modules[uid], change.Module);
        Assert.False(Modules[uid].Status.HasContentOf(change.Status), "a status was written that does not differ");
        Modules[uid] = Modules[uid] with { Status = change.Status };
    }

    private void Patch(IReadOnlyDictionary<string, string?> labels)
    {
        LabelWrites++;
        var next = Pod!.Metadata.Labels.ToDictionary();
        foreach (var (key, value) in labels)
        {
            if (value is not null) next[key] = value;
            else if (next.Remove(key) && key.StartsWith(Labels.TrafficPrefix, StringComparison.Ordinal))
                _checks.TrafficIsCut(key[Labels.TrafficPrefix.Length..]);
        }

        SetPod(meta => meta with { Labels = next });
    }

    private void Remove(FinalizerRemoval removal)
    {
        var uid = removal.Module.Metadata.Uid!;
        Assert.True(Modules[uid].Metadata.IsDeleting);
        if (removal.Remaining.Count == 0) Modules.Remove(uid);
        else Modules[uid] = Modules[uid] with { Metadata = Modules[uid].Metadata with { Finalizers = removal.Remaining } };
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Now:HH:mm:ss.f} ")
        + string.Join("; ", Modules.Values.Select(module =>
            $"{module.Metadata.Uid}:{module.Spec.Module.Version}{(module.Metadata.IsDeleting ? " deleting" : "")} "
                + $"{module.Status.Status} ({module.Status.Message})"))
        + " | " + string.Join("; ", Agent.Biz) + $" | running {Agent.Running?.Id}";
}
