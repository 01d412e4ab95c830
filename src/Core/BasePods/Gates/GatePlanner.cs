using System.Globalization;
using ModuleController.Core.Agents;
using ModuleController.Core.Commands;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;

namespace ModuleController.Core.BasePods.Gates;

/// <param name="Condition">The one to write; null: it is as it should be, or nothing may be concluded.</param>
internal sealed record GatePlan(Condition? Condition, BasePodMemory Memory)
{
    public DateTimeOffset? RequeueAt { get; init; }

    public IReadOnlyList<BasePodEvent> Events { get; init; } = [];
}

/// <summary>When a base pod with the readiness gate may be Ready: when the modules that are required there serve.</summary>
/// <remarks>
/// Within one base life the gate opens once and stays open: upgrades are the business of releases. A new life closes it
/// until the replay is done. Unknown changes nothing.
/// </remarks>
internal static class GatePlanner
{
    private const int MaxNames = 5;
    private const int MaxCauseLength = 150;

    public static GatePlan Plan(BasePodFacts pod, IReadOnlyDictionary<string, ModuleStatus> statuses, BasePodMemory memory)
    {
        var keep = new GatePlan(null, memory);
        if (pod.State.Gate is not { } gate || !pod.IsLiving || pod.State.IsReleased) return keep;
        var previous = ModulesGate.ConditionOf(pod.State.Pod!);
        if (pod.IsForeignBase)
        {
            // Open stays open: until its own base answers, nothing is known of it but that no module of ours is in another one.
            return previous is { Status: Condition.True }
                ? keep
                : Close(pod, previous, ModulesGate.Closed(Reasons.ForeignBase, pod.View!.Shared!.Message), memory);
        }

        if (pod.Life is not { } life) return keep;
        var required = Requirements(pod, gate, statuses);
        var missing = required.Where(item => !item.IsServed).ToList();
        var isComplete = pod.Current is not null && missing.Count == 0;
        if (ModulesGate.IsOpenFor(previous, life) && !(previous!.Reason == ModulesGate.OpenedAfterTimeout && isComplete)) return keep;
        if (missing.Count > 0) return Wait(pod, gate, previous, required.Count, missing, memory);
        return isComplete
            ? Open(pod, ModulesGate.ModulesInstalled,
                required.Count == 0 ? "no module is required here" : Text($"all {required.Count} required modules are installed"), memory)
            : keep;
    }

    private static GatePlan Wait(
        BasePodFacts pod, PodGate gate, Condition? previous, int required, IReadOnlyList<Requirement> missing, BasePodMemory memory)
    {
        var opensAt = missing.All(item => item.IsExcused) ? ClosedSince(previous, pod.Life!, pod.Now) + gate.Timeout : null;
        if (pod.HasPassed(opensAt))
        {
            var message = Text($"opened after {gate.Timeout.TotalSeconds:0} s ")
                + Text($"without {missing.Count} of {required} required modules: {Names(missing)}");
            return Open(pod, ModulesGate.OpenedAfterTimeout, message, memory) with
            {
                Events = [new(null, ModulesGate.OpenedAfterTimeout, Text($"readiness gate of pod {pod.State.Key} {message}"))],
            };
        }

        var closed = Close(pod, previous, ModulesGate.Closed(
            missing.Any(item => item.Cause is not null) ? ModulesGate.ModulesFailed : ModulesGate.WaitingForModules,
            Text($"waiting for {missing.Count} of {required} required modules: {Names(missing)}")), memory);
        return closed with { RequeueAt = new[] { closed.RequeueAt, opensAt }.Min() };
    }

    private static GatePlan Open(BasePodFacts pod, string reason, string message, BasePodMemory memory) => new(
        Stamp(pod, ModulesGate.Open(reason, message, pod.Life!)), memory with { GateClosedSince = null, GateReportedAt = null });

    // A pod that never had the condition counts as not Ready anyway; what is missing is reported when it takes longer. Later
    // another reason is reported immediately, another message now and then.
    private static GatePlan Close(BasePodFacts pod, Condition? previous, Condition closed, BasePodMemory memory)
    {
        DateTimeOffset? reportedAt = null;
        if (previous is null)
        {
            memory = memory with { GateClosedSince = memory.GateClosedSince ?? pod.Now };
            reportedAt = memory.GateClosedSince + BasePodTimes.Intermediate;
        }
        else if (previous.Status == closed.Status && previous.Reason == closed.Reason)
        {
            if (previous.Message == closed.Message) return new(null, memory);
            reportedAt = memory.GateReportedAt + BasePodTimes.GateMessage;
        }

        return reportedAt > pod.Now
            ? new(null, memory) { RequeueAt = reportedAt }
            : new(Stamp(pod, closed), memory with { GateClosedSince = null, GateReportedAt = pod.Now });
    }

    // The later time of the condition's and the agent's: an earlier life's wait does not count.
    private static DateTimeOffset? ClosedSince(Condition? previous, BaseLife life, DateTimeOffset now)
    {
        if (previous is not { Status: Condition.False, LastTransitionTime: { } since }) return null;
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
        string.Join(", ", missing.Take(MaxNames))
        + (missing.Count > MaxNames ? Text($" and {missing.Count - MaxNames} more") : "");

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
            var states = here.ConvertAll(module =>
                (Module: module, Status: statuses.GetValueOrDefault(module.Uid) ?? module.Module.Status));
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

        public override string ToString() => $"{_what} ({(_state.Length > MaxCauseLength ? _state[..MaxCauseLength] + "…" : _state)})";

        private static bool HasFailed(BasePodFacts pod, ModuleStatus status) =>
            status is { LastError: not null, Attempts: > 0 } && status.BaseLife == pod.Life!.Id;

        // Unreachable heals by itself. Not found does not: a base that rolled on would lose the module pod by pod, for good.
        private static bool IsExcusable(ModuleFacts module, ModuleStatus status) =>
            status.LastError!.Reason == nameof(FailureReason.ArtifactUnreachable) || module.FailsOnOlderPods;
    }
}
