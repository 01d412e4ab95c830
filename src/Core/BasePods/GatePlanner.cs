using System.Globalization;
using ModuleController.Core.Agents;
using ModuleController.Core.Commands;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;

namespace ModuleController.Core.BasePods;

/// <summary>When a base pod with the readiness gate may be Ready: when the modules that are required there serve.</summary>
/// <remarks>
/// Within one base life the gate opens once and stays open: upgrades are the business of releases. A new life shuts it
/// until the replay is done. Unknown changes nothing.
/// </remarks>
internal static class GatePlanner
{
    private const int NamesTold = 5;
    private const int LongestCause = 150;

    /// <summary>The condition to write; null: it is as it should be, or nothing may be concluded.</summary>
    public static Condition? Plan(
        BasePodFacts pod, IReadOnlyDictionary<string, ModuleStatus> statuses, ref BasePodMemory memory, ICollection<BasePodEvent> events)
    {
        if (pod.State.Gate is not { } gate || !pod.IsLiving || pod.State.IsReleased) return null;
        var told = ModulesGate.ConditionOf(pod.State.Pod!);
        if (pod.IsForeignBase) return Foreign(pod, told, ref memory);
        if (pod.Life is not { } life) return null;
        var required = Requirements(pod, gate, statuses);
        var missing = required.Where(item => !item.IsServed).ToList();
        var isComplete = pod.Current is not null && missing.Count == 0;
        if (ModulesGate.IsOpenFor(told, life) && !(told!.Reason == ModulesGate.OpenedAfterTimeout && isComplete)) return null;
        if (missing.Count > 0) return Wait(pod, gate, told, required.Count, missing, ref memory, events);
        if (!isComplete) return null;
        memory = memory with { GateShutSince = null, GateToldAt = null };
        return Stamp(pod, ModulesGate.Open(
            ModulesGate.ModulesInstalled,
            required.Count == 0 ? "no module is required here" : Text($"all {required.Count} required modules are installed"), life));
    }

    // Open stays open: until its own base answers, nothing is known of it but that no module of ours is in another one.
    private static Condition? Foreign(BasePodFacts pod, Condition? told, ref BasePodMemory memory)
    {
        var shut = ModulesGate.Shut(Reasons.ForeignBase, pod.View!.Shared!.Message);
        if (told is { Status: Condition.True } || !IsWorthTelling(pod, told, shut, ref memory)) return null;
        memory = memory with { GateShutSince = null, GateToldAt = pod.Now };
        return Stamp(pod, shut);
    }

    private static Condition? Wait(
        BasePodFacts pod, PodGate gate, Condition? told, int required, IReadOnlyList<Requirement> missing, ref BasePodMemory memory,
        ICollection<BasePodEvent> events)
    {
        var life = pod.Life!;
        if (missing.All(item => item.IsExcused) && ShutSince(told, life, pod.Now) is { } since && pod.IsDue(since + gate.Timeout))
        {
            var message = Text($"opened after {gate.Timeout.TotalSeconds:0} s ")
                + Text($"without {missing.Count} of {required} required modules: {Names(missing)}");
            events.Add(new(null, ModulesGate.OpenedAfterTimeout, Text($"readiness gate of pod {pod.State.Key} {message}")));
            memory = memory with { GateShutSince = null, GateToldAt = null };
            return Stamp(pod, ModulesGate.Open(ModulesGate.OpenedAfterTimeout, message, life));
        }

        var shut = ModulesGate.Shut(
            missing.Any(item => item.Cause is not null) ? ModulesGate.ModulesFailed : ModulesGate.WaitingForModules,
            Text($"waiting for {missing.Count} of {required} required modules: {Names(missing)}"));
        if (!IsWorthTelling(pod, told, shut, ref memory)) return null;
        memory = memory with { GateShutSince = null, GateToldAt = pod.Now };
        return Stamp(pod, shut);
    }

    // A pod that never had the condition counts as not Ready anyway; what is missing is told when it takes longer. Later on
    // another reason is told at once, another message now and then.
    private static bool IsWorthTelling(BasePodFacts pod, Condition? told, Condition shut, ref BasePodMemory memory)
    {
        if (told is null)
        {
            var since = memory.GateShutSince ?? pod.Now;
            memory = memory with { GateShutSince = since };
            return pod.IsDue(since + BasePodTimes.Intermediate);
        }

        if (told.Status != shut.Status || told.Reason != shut.Reason) return true;
        return told.Message != shut.Message && (memory.GateToldAt is not { } at || pod.IsDue(at + BasePodTimes.GateTold));
    }

    // The later of what the condition and the agent say: an earlier life's wait does not count.
    private static DateTimeOffset? ShutSince(Condition? told, BaseLife life, DateTimeOffset now)
    {
        if (told is not { Status: Condition.False, LastTransitionTime: { } since }) return null;
        return life.StartedAt > since && life.StartedAt <= now ? life.StartedAt : since;
    }

    private static List<Requirement> Requirements(BasePodFacts pod, PodGate gate, IReadOnlyDictionary<string, ModuleStatus> statuses)
    {
        var requirements = new List<Requirement>();
        foreach (var required in gate.Required)
        {
            var here = pod.Modules
                .Where(module => module is { IsHere: true, IsDeleting: false } && module.DeploymentUid == required.DeploymentUid).ToList();
            if (here.Count == 0 && !required.IsOnEveryPod) continue;
            requirements.Add(new(pod, required, here, statuses));
        }

        return requirements;
    }

    private static string Names(IReadOnlyList<Requirement> missing) =>
        string.Join(", ", missing.Take(NamesTold))
        + (missing.Count > NamesTold ? Text($" and {missing.Count - NamesTold} more") : "");

    private static Condition Stamp(BasePodFacts pod, Condition condition) =>
        pod.State.Pod!.Status.Conditions.With(condition, ModuleFailures.Seconds(pod.Now)!.Value).Find(ModulesGate.ConditionType)!;

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    /// <summary>One required module on this pod: whichever revision is here, completed or still being released, may serve.</summary>
    private sealed class Requirement
    {
        private readonly string _what;
        private readonly string _state;

        public Requirement(
            BasePodFacts pod, RequiredModule required, List<ModuleFacts> here, IReadOnlyDictionary<string, ModuleStatus> statuses)
        {
            IsServed = here.Exists(module => module.IsInstalled);
            var states = here.ConvertAll(module => (Module: module, Status: statuses.GetValueOrDefault(module.Uid) ?? module.Module.Status));
            IsExcused = states.Count == 0
                ? required.FailsOnOlderPods
                : states.TrueForAll(item => HasFailed(pod, item.Status) && IsExcusable(item.Module, item.Status));
            var (shown, status) = states.Find(item => item.Status.LastError is not null) is { Module: not null } failed
                ? failed
                : states.FirstOrDefault();
            Cause = status?.LastError;
            _what = $"{required.Completed.Name} {shown?.Version ?? required.Completed.Version}";
            _state = (status, Cause) switch
            {
                (null, _) => required.FailsOnOlderPods ? "no Module on this pod, and it fails on older ones" : "no Module on this pod yet",
                (_, { } error) => $"{error.Reason}: {error.Message}",
                ({ Message: { Length: > 0 } message }, _) => $"{status.Status ?? ModulePhase.Pending}: {message}",
                _ => status.Status is null or ModulePhase.Available ? ModulePhase.Pending : status.Status,
            };
        }

        public bool IsServed { get; }

        /// <summary>Why it failed the last time; null: it has not.</summary>
        public ModuleError? Cause { get; }

        /// <summary>It failed in this life or is not even tried, and no other pod in this one's place would do better.</summary>
        public bool IsExcused { get; }

        public override string ToString() => $"{_what} ({(_state.Length > LongestCause ? _state[..LongestCause] + "…" : _state)})";

        private static bool HasFailed(BasePodFacts pod, ModuleStatus status) =>
            status is { LastError: not null, Attempts: > 0 } && status.BaseLife == pod.Life!.Id;

        // Unreachable heals by itself. Not found does not: a base that rolled on would lose the module pod by pod, for good.
        private static bool IsExcusable(ModuleFacts module, ModuleStatus status) =>
            status.LastError!.Reason == nameof(FailureReason.ArtifactUnreachable) || module.FailsOnOlderPods;
    }
}
