using ModuleController.Core.Agents;
using ModuleController.Core.Commands;
using ModuleController.Core.Modules;

namespace ModuleController.Core.BasePods;

/// <summary>One Module, and what the current view shows of it.</summary>
internal sealed class ModuleFacts(BasePodFacts pod, PodModule input)
{
    public Module Module { get; } = input.Module;

    public ModuleSettings Settings { get; } = input.Settings;

    public bool IsInEndpoints { get; } = input.IsInEndpoints;

    public bool HasLived { get; } = input.HasLived;

    public bool IsQuarantined { get; } = input.IsQuarantined;

    public string? DeploymentUid { get; } = input.DeploymentUid;

    public bool FailsOnOlderPods { get; } = input.FailsOnOlderPods;

    public string Uid { get; } = input.Module.Metadata.Uid ?? "";

    public string Name => Module.Spec.Module.Name;

    public string Version => Module.Spec.Module.Version;

    public bool IsDeleting => Module.Metadata.IsDeleting;

    /// <summary>Bound to this very pod, not to an earlier one of its name, and the pod stays.</summary>
    public bool IsHere { get; } = pod.IsLiving && input.Module.Spec.PodUid == pod.PodUid;

    /// <summary>Was Available once, or its revision was: what fails now is not its artifact.</summary>
    public bool HasServed => input.HasServed || Module.Status.InstalledAt is not null;

    /// <summary>A base life ended under it, and its revision has lived nowhere since.</summary>
    public bool IsSuspect => !HasLived && Module.Status.LastError?.Reason == nameof(FailureReason.BaseDied);

    /// <summary>Listed under this Module's own UID.</summary>
    public BizView? Own { get; } = pod.Current?.Biz.FirstOrDefault(biz =>
        biz.ModuleUid == input.Module.Metadata.Uid && biz.Name == input.Module.Spec.Module.Name
        && biz.Version == input.Module.Spec.Module.Version);

    /// <summary>The same name and version under another UID or none: Arklet can't hold both.</summary>
    public BizView? Duplicate { get; } = pod.Current?.Biz.FirstOrDefault(biz =>
        biz.ModuleUid != input.Module.Metadata.Uid && biz.Name == input.Module.Spec.Module.Name
        && biz.Version == input.Module.Spec.Module.Version);

    public IEnumerable<BizView> OtherVersions => pod.Current?.Biz.Where(biz => biz.Name == Name && biz.Version != Version) ?? [];

    public bool IsInstalled => Own is { State: BizState.Activated };

    /// <summary>A command on it timed out and its state is not final.</summary>
    public bool IsStuck => pod.HasPassed(StuckFrom);

    /// <summary>The status is about the current life.</summary>
    public bool IsOfThisLife => pod.Life is { } life && Module.Status.BaseLife == life.Id;

    /// <summary>The attempts that the status counts in this life.</summary>
    public int Recorded => IsOfThisLife ? Module.Status.Attempts ?? 0 : 0;

    /// <summary>The next attempt's number: above all that were recorded or answered.</summary>
    public int NextAttempt => Math.Max(Recorded, pod.History.LastAnswer(Uid, CommandAction.Install)?.Attempt ?? 0) + 1;

    /// <summary>An install succeeded, and no snapshot shows it yet.</summary>
    public bool AwaitsSnapshot => ShownUntil > pod.Now;

    /// <summary>When the passing of time alone changes these facts, or has changed them.</summary>
    public DateTimeOffset? ChangesAt => new[] { StuckFrom, ShownUntil }.Where(at => at > pod.Now).Min();

    // What became active is not stuck, unless it is to be uninstalled. A start under a deleted Module that nothing will end counts
    // after the time that an install may take.
    private DateTimeOffset? StuckFrom => (Own, IsDeleting) switch
    {
        (null, _) or ({ State: BizState.Activated }, false) => null,
        ({ IsStuck: true }, _) => DateTimeOffset.MinValue,
        ({ State: BizState.Resolved }, true) when pod.Commands.Current is null && !pod.IsUnderWay(Uid) =>
            (Module.Metadata.DeletionTimestamp ?? pod.Now) + Settings.InstallTimeout,
        _ => null,
    };

    private DateTimeOffset? ShownUntil
    {
        get
        {
            if (pod.Current is null || Own is not null
                || pod.History.LastAnswer(Uid, CommandAction.Install) is not { Answer.Outcome: CommandOutcome.Succeeded } last
                || last.Attempt <= Recorded) return null;
            var isUninstalled = pod.History.LastAnswer(Uid, CommandAction.Uninstall)
                is { Answer.Outcome: CommandOutcome.Succeeded } uninstall
                && uninstall.Answer.ReceivedAt >= last.Answer.ReceivedAt;
            return isUninstalled ? null : last.Answer.ReceivedAt + BasePodTimes.EffectShows;
        }
    }

    /// <summary>What follows a failure of this Module.</summary>
    public Retry RetryAfter(ModuleError error, int attempts)
    {
        // A reason that a newer version wrote is not final.
        var reason = FailureReasons.Parse(error.Reason) ?? FailureReason.ArkletUnreachable;
        var count = reason == FailureReason.BaseDied ? JvmExits.Of(error).Own : attempts;
        return RetryPolicy.Next(reason, count, HasServed, RetryPolicy.Jitter(Uid, attempts)) switch
        {
            Retry.After after when error.RetryAfterSeconds is { } seconds && seconds > after.Delay.TotalSeconds =>
                new Retry.After(TimeSpan.FromSeconds(seconds)),
            var next => next,
        };
    }

    public override string ToString() => $"Module {Module.Metadata.Name} ({Name}:{Version})";
}
