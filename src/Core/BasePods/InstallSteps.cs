using ModuleController.Core.Agents;
using ModuleController.Core.Commands;
using ModuleController.Core.Modules;

namespace ModuleController.Core.BasePods;

/// <summary>The next step toward an active module, on a base pod whose view is current.</summary>
/// <param name="status">The Module's status with everything that is known to have failed.</param>
internal sealed class InstallSteps(BasePodFacts pod, ModuleFacts module, ModuleStatus status, BasePodMemory memory)
{
    public ModuleStep Next()
    {
        if (pod.UnresolvedUntil is { } until) return UninstallSteps.AfterSilence(ModulePhase.Prepare, until);
        if (module.Own is { } own) return Activate(own);
        // An adoption needs no artifact. A duplicate of another Module stays while this one can't be installed.
        return module.Duplicate is { } duplicate && (string.IsNullOrEmpty(duplicate.ModuleUid) || !IsRefused)
            ? ReplaceDuplicate(duplicate)
            : Install();
    }

    private ModuleCommand.Install NextInstall => new(
        module.Uid, module.Module.Spec.Module, pod.Life!.Id, module.NextAttempt, module.Settings.InstallTimeout, Activate: true)
    {
        Policy = module.Settings.ArtifactPolicy,
        IsReplay = module.Module.Status.InstalledAt is not null,
        Before = HookCall.From(module.Settings.Hooks?.PreInstall),
        After = HookCall.From(module.Settings.Hooks?.PostInstall),
        Priority = module.Settings.Priority,
        DeploymentCreatedAt = module.Settings.DeploymentCreatedAt,
        HasLived = module.HasLived,
    };

    // The policy does not allow it. It is answered without being sent, so nothing has to make room for it.
    private bool IsRefused => PolicyRules.FindProblem(NextInstall, pod.Current!.EnforcesPolicy) is not null;

    // It is there under our UID, but not active.
    private ModuleStep Activate(BizView own)
    {
        if (module.IsStuck) return ModuleStep.None;
        // It never served: no hook is called.
        if (own.State == BizState.Broken)
            return UninstallSteps.Remove(pod, ModulePhase.Prepare, own, module.Settings with { Hooks = null }, memory);
        if (own.State != BizState.Deactivated) return new(ModulePhase.Upgrading, $"starting on pod {pod.State.Key}");
        if (module.OtherVersions.FirstOrDefault(other => other.State == BizState.Activated) is { } active
            && !YieldsTo(active)) return ModuleStep.None;
        if (status.LastError is { Reason: nameof(FailureReason.SwitchFailed), Time: { } failed }
            && failed + SwitchDelay is var retriedAt && !pod.HasPassed(retriedAt)) return ModuleStep.None with { Until = retriedAt };
        return ModuleStep.Repeat(pod, ModulePhase.Prepare, module.Uid, CommandAction.Switch, attempt => new ModuleCommand.Switch(
            module.Uid, module.Name, module.Version, pod.Life!.Id, attempt, BasePodTimes.CommandDeadline));
    }

    private TimeSpan SwitchDelay =>
        RetryPolicy.Delay(Math.Max(1, pod.History.LastAttempt(module.Uid, CommandAction.Switch)?.Number ?? 1), 0);

    // The active version makes room if no Module wants it, or if this one replaces it.
    private bool YieldsTo(BizView active) =>
        pod.Find(active.ModuleUid) is not { } owner || owner.IsDeleting
        || (module.Settings.InstallsFirst && module.Module.Spec.Replaces == owner.Uid);

    private ModuleStep ReplaceDuplicate(BizView duplicate)
    {
        if (duplicate.ModuleUid is { Length: > 0 } uid)
        {
            return pod.Find(uid) is { } owner
                ? Fetch(owner) ?? WaitFor(owner)
                : UninstallSteps.RemoveOrphan(pod, duplicate, module.Settings.TrafficDrain, memory);
        }

        return duplicate.State switch
        {
            BizState.Activated or BizState.Deactivated => ModuleStep.Repeat(
                pod, ModulePhase.Prepare, module.Uid, CommandAction.Adopt, attempt => new ModuleCommand.Adopt(
                    module.Uid, module.Name, module.Version, pod.Life!.Id, attempt, BasePodTimes.CommandDeadline)),
            BizState.Broken => Rest(),
            _ => new(ModulePhase.Prepare,
                $"{duplicate.Name}:{duplicate.Version} is being started in the base, not by us; waiting for its end"),
        };
    }

    private ModuleStep Install()
    {
        if (module.AwaitsSnapshot)
            return new(ModulePhase.Completing, $"installed; waiting for the base of pod {pod.State.Key} to list it");
        // The other pods decide as well whether it is tried again: a JVM exit is written before anything follows from it.
        if (status.LastError is { Reason: nameof(FailureReason.BaseDied) }
            && status.LastError != module.Module.Status.LastError) return Rest();
        if (RefusedUntil is { } until && !pod.HasPassed(until))
            return new(ModulePhase.Prepare, $"the agent of pod {pod.State.Key} refused the install; it is sent again") { Until = until };
        if (RetriedAt is { } retriedAt && !pod.HasPassed(retriedAt)) return Rest(retriedAt);
        return (IsRefused ? null : WaitForOthers() ?? WaitAsSuspect()) ?? ModuleStep.Send(pod, ModulePhase.Prepare, NextInstall);
    }

    private ModuleStep Rest(DateTimeOffset? until = null) => module is { IsQuarantined: true, Own: null }
        ? new(ModulePhase.Failed, "its revision ended two base JVMs and is not installed any more") { Until = Known(until) }
        : ModuleStep.None with { Until = Known(until) };

    private static DateTimeOffset? Known(DateTimeOffset? time) => time == DateTimeOffset.MaxValue ? null : time;

    // A refused command was not tried: its number is used up, nothing else. What is refused for good is a failure.
    private DateTimeOffset? RefusedUntil =>
        pod.History.LastAnswer(module.Uid, CommandAction.Install) is { Answer: { Outcome: CommandOutcome.Refused } refused }
        && !ModuleFailures.IsRefusedForGood(refused)
            ? refused.ReceivedAt + BasePodTimes.Refused
            : null;

    /// <summary>When what failed may be tried again, at the earliest; null: at any time.</summary>
    private DateTimeOffset? RetriedAt
    {
        get
        {
            if (RefusedUntil is { } until && !pod.HasPassed(until)) return until;
            if (module.IsQuarantined) return DateTimeOffset.MaxValue;
            if (status.LastError is not { } error || error.Time <= module.Settings.RetriedAt) return null;
            var attempts = status.BaseLife == pod.Life!.Id ? status.Attempts ?? 0 : 0;
            return module.RetryAfter(error, Math.Max(1, attempts)) switch
            {
                Retry.Elsewhere or Retry.After when attempts == 0 => null,
                Retry.After after => error.Time + after.Delay,
                _ => DateTimeOffset.MaxValue,
            };
        }
    }

    // Under uninstall_then_install no other version may be left, except what is stuck and what is not ours.
    private ModuleStep? WaitForOthers()
    {
        if (module.Settings.InstallsFirst) return null;
        if (pod.Find(module.Module.Spec.Replaces) is { } replaced && replaced.Uid != module.Uid) return Fetch(replaced)
            ?? WaitFor(replaced);
        foreach (var other in module.OtherVersions.Where(other => other is { ModuleUid.Length: > 0, IsStuck: false }))
        {
            if (pod.Find(other.ModuleUid) is not { } owner) return UninstallSteps.RemoveOrphan(pod, other, module.Settings.TrafficDrain,
                memory);
            // Two that replace each other would wait for ever: the one that is replaced does not wait.
            if (owner.IsDeleting || owner.Module.Spec.Replaces != module.Uid) return WaitFor(owner);
        }

        return null;
    }

    private ModuleStep? WaitAsSuspect()
    {
        if (module.HasLived || status.LastError is not { Reason: nameof(FailureReason.BaseDied) } exit) return null;
        if (AheadOfSuspect(exit) is not { } ahead) return null;
        return new(ModulePhase.Prepare, $"suspected of having ended the base: waiting for {ahead} to be installed"
            + (ahead.IsInstalled ? " for a minute without the base ending" : ""))
        {
            Until = ahead.IsInstalled ? LivesAt(ahead) : null,
        };
    }

    // A suspect waits for the last of all others. After a second exit that may have been another's, it is alone for a minute: otherwise the
    // next could again be either's. Not after the first, so that a restart by hand does not cost minutes.
    private ModuleFacts? AheadOfSuspect(ModuleError exit)
    {
        var others = pod.Modules.Where(other => other.IsHere && !other.IsDeleting && other.Uid != module.Uid).ToList();
        // The exit is another one's: no other has to be tried alone for it.
        var isSolved = others.Exists(other => other.IsQuarantined && other.IsSuspect && other.Module.Status.LastError!.Time >= exit.Time);
        return others.FindLast(other => !(other.IsInstalled
            ? isSolved || other.HasLived
                || !(JvmExits.Of(exit).MustBeAlone || (other.IsSuspect && JvmExits.Of(other.Module.Status.LastError).MustBeAlone))
                || pod.HasPassed(LivesAt(other))
            : other.IsSuspect || other.Recorded > 0 || other.Module.Status.Status == ModulePhase.Failed));
    }

    private DateTimeOffset LivesAt(ModuleFacts other) => (other.Own!.InstalledAt ?? pod.Now) + BasePodTimes.Suspicious;

    /// <summary>The module that this one replaces serves until the new artifact is on the pod. Null: nothing is left to fetch.</summary>
    private ModuleStep? Fetch(ModuleFacts replaced)
    {
        if (!pod.Current!.CanFetch || replaced.IsDeleting || !replaced.IsInstalled
            || module.Module.Spec.Replaces != replaced.Uid) return null;
        var stays = $"{replaced.Name}:{replaced.Version} continues to serve";
        if (pod.Current.Staged.Contains(module.Uid))
        {
            return pod.Current.IsOutOfMetaspace
                ? Preparing($"pod {pod.State.Key} is out of Metaspace until its base restarts; {stays}")
                : null;
        }

        if (pod.Commands.IsFetching(module.Uid)) return Preparing($"fetching the artifact on pod {pod.State.Key}; {stays}");
        if (RetriedAt is { } retriedAt && !pod.HasPassed(retriedAt)) return Rest(retriedAt);
        // One more would take the place of another that is needed as much.
        if (pod.Modules.Count(IsFetched) >= ModuleCommand.MostStaged)
            return Preparing(
                $"waiting until fewer than {ModuleCommand.MostStaged} fetched artifacts wait for their installs on pod {pod.State.Key}; "
                    + $"{stays}");
        var last = pod.History.LastAnswer(module.Uid, CommandAction.Fetch);
        var until = last?.Answer.ReceivedAt + last?.Answer.Outcome switch
        {
            CommandOutcome.Succeeded => BasePodTimes.EffectShows,
            CommandOutcome.Refused => BasePodTimes.Refused,
            _ => TimeSpan.Zero,
        };
        if (until > pod.Now)
        {
            var waits = last!.Value.Answer.Outcome == CommandOutcome.Refused
                ? $"the agent of pod {pod.State.Key} refused the fetch, which will be sent again; {stays}"
                : $"waiting for the agent of pod {pod.State.Key} to list the artifact; {stays}";
            return Preparing(waits) with { Until = until };
        }

        return ModuleStep.Send(pod, ModulePhase.Prepare, new ModuleCommand.Fetch(
            module.Uid, module.Module.Spec.Module, pod.Life!.Id, Math.Max(module.Recorded, last?.Attempt ?? 0)
                + 1, module.Settings.InstallTimeout)
        {
            Policy = module.Settings.ArtifactPolicy,
        });
    }

    private bool IsFetched(ModuleFacts other) =>
        !other.IsDeleting && (pod.Current!.Staged.Contains(other.Uid) || pod.Commands.IsFetching(other.Uid));

    private static ModuleStep WaitFor(ModuleFacts owner) => Preparing(owner.Module.Metadata.DeletionTimestamp is { } since
        ? $"waiting for {owner} to be uninstalled, which was deleted at {since:HH:mm:ss} UTC"
        : $"waiting for {owner} to be removed");

    private static ModuleStep Preparing(string message) => new(ModulePhase.Prepare, message);
}
