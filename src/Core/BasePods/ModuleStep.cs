using ModuleController.Core.Agents;
using ModuleController.Core.Commands;
using ModuleController.Core.Modules;

namespace ModuleController.Core.BasePods;

/// <summary>What one Module needs next; a closed set.</summary>
internal abstract record ModuleStep
{
    private ModuleStep()
    {
    }

    /// <summary>This command, as soon as its base is free for it.</summary>
    public sealed record Send(ModuleCommand Command) : ModuleStep;

    /// <summary>Something else has to happen first; an operator reads the message.</summary>
    public sealed record Wait(string Phase, string Message) : ModuleStep;

    /// <summary>Nothing to do, or nothing before a time that the pod's facts have noted.</summary>
    public sealed record Rest : ModuleStep;
}

/// <summary>Finds the next step of each Module and of each orphan on a base pod whose view is current.</summary>
internal static class ModuleSteps
{
    public static ModuleStep Next(BasePodFacts pod, ModuleFacts module, ModuleStatus status, BasePodMemory memory)
    {
        if (pod.Current is null || !module.IsHere) return new ModuleStep.Rest();
        if (pod.IsUnderWay(module.Uid)) return UnderWay(pod, module);
        if (module.IsDeleting) return ToGo(pod, module, memory);
        if (module.IsInstalled || pod.State.IsReleased) return new ModuleStep.Rest();
        if (pod.UnresolvedUntil is { } until && !pod.IsDue(until)) return Late(module.IsDeleting);
        if (module.Own is { } own) return Finish(pod, module, own, status, memory);
        return module.Twin is { } twin
            ? ReplaceTwin(pod, module, twin, status, memory)
            : Install(pod, module, status, memory);
    }

    public static ModuleStep OfOrphan(BasePodFacts pod, BizView orphan, BasePodMemory memory)
    {
        var since = memory.Of(orphan.ModuleUid!).OrphanSince ?? pod.Now;
        return pod.IsDue(since + BasePodTimes.OrphanGrace)
            ? RemoveOrphan(pod, orphan, TimeSpan.Zero, memory)
            : new ModuleStep.Rest();
    }

    private static ModuleStep.Wait UnderWay(BasePodFacts pod, ModuleFacts module)
    {
        var id = pod.CommandOf(module.Uid)!;
        var (_, action, _, attempt) = CommandId.Parse(id)!;
        var what = pod.InHooks.Any(running => running.CommandId == id) ? $"a hook of its {action}" : action;
        var phase = module.IsDeleting ? ModulePhase.Terminating : action == CommandAction.Switch ? ModulePhase.Completing : ModulePhase.Upgrading;
        return new ModuleStep.Wait(phase, $"{what} is under way on pod {pod.State.Key} (attempt {attempt})");
    }

    private static ModuleStep ToGo(BasePodFacts pod, ModuleFacts module, BasePodMemory memory)
    {
        if (module.Own is not { } own || module.IsStuck) return new ModuleStep.Rest();
        if (pod.UnresolvedUntil is { } until && !pod.IsDue(until)) return Late(isDeleting: true);
        if (own.State is BizState.Resolved or BizState.Other)
            return new ModuleStep.Wait(ModulePhase.Terminating, "waiting for its start to end, before it can be uninstalled");
        return module.Module.Metadata.Labels.ContainsKey(Labels.DeleteModuleDirectly)
            ? Repeat(pod, module.Uid, CommandAction.Disown, attempt => new ModuleCommand.Disown(
                module.Uid, module.Name, module.Version, pod.Life!.Id, attempt, BasePodTimes.CommandDeadline))
            : Remove(pod, own, module.Settings, memory);
    }

    // It is there under our UID, but not active.
    private static ModuleStep Finish(BasePodFacts pod, ModuleFacts module, BizView own, ModuleStatus status, BasePodMemory memory)
    {
        if (module.IsStuck) return new ModuleStep.Rest();
        // It never served: nobody has to be told.
        if (own.State == BizState.Broken) return Remove(pod, own, module.Settings with { Hooks = null }, memory);
        if (own.State != BizState.Deactivated)
            return new ModuleStep.Wait(ModulePhase.Upgrading, $"starting on pod {pod.State.Key}");
        if (module.Siblings.FirstOrDefault(sibling => sibling.State == BizState.Activated) is { } active && !YieldsTo(pod, active, module))
            return new ModuleStep.Rest();
        if (status.LastError is { Reason: nameof(FailureReason.SwitchFailed), Time: { } failed }
            && !pod.IsDue(failed + RetryPolicy.Delay(Math.Max(1, pod.LastAttempt(module.Uid, CommandAction.Switch)?.Attempt ?? 1), 0)))
            return new ModuleStep.Rest();
        return Repeat(pod, module.Uid, CommandAction.Switch, attempt => new ModuleCommand.Switch(
            module.Uid, module.Name, module.Version, pod.Life!.Id, attempt, BasePodTimes.CommandDeadline));
    }

    // Whether the active version is to make way: nobody wants it, or this one replaces it.
    private static bool YieldsTo(BasePodFacts pod, BizView active, ModuleFacts module) =>
        pod.Find(active.ModuleUid) is not { } owner || owner.IsDeleting
        || (module.Settings.InstallsFirst && module.Module.Spec.Replaces == owner.Uid);

    private static ModuleStep ReplaceTwin(BasePodFacts pod, ModuleFacts module, BizView twin, ModuleStatus status, BasePodMemory memory)
    {
        var what = $"{twin.Name}:{twin.Version}";
        if (twin.ModuleUid is not { Length: > 0 } uid)
        {
            return twin.State switch
            {
                BizState.Activated or BizState.Deactivated => Repeat(pod, module.Uid, CommandAction.Adopt, attempt => new ModuleCommand.Adopt(
                    module.Uid, module.Name, module.Version, pod.Life!.Id, attempt, BasePodTimes.CommandDeadline)),
                BizState.Broken => new ModuleStep.Rest(),
                _ => new ModuleStep.Wait(ModulePhase.Prepare, $"{what} is being started in the base, not by us; waiting for its end"),
            };
        }

        return pod.Find(uid) is { } owner
            ? Prepare(pod, module, owner, status) ?? WaitForOwner(owner)
            : RemoveOrphan(pod, twin, module.Settings.TrafficDrain, memory);
    }

    private static ModuleStep Install(BasePodFacts pod, ModuleFacts module, ModuleStatus status, BasePodMemory memory)
    {
        if (module.IsAboutToShow)
            return new ModuleStep.Wait(ModulePhase.Completing, $"installed; waiting for the base of pod {pod.State.Key} to list it");
        // Whether it is tried again depends on what the other pods saw: a death is written before anything follows from it.
        if (status.LastError is { Reason: nameof(FailureReason.BaseDied) } && status.LastError != module.Module.Status.LastError)
            return new ModuleStep.Rest();
        if (RefusedUntil(pod, module) is { } until && !pod.IsDue(until))
            return new ModuleStep.Wait(ModulePhase.Prepare, $"the agent of pod {pod.State.Key} refused the install; it is sent again");
        if (!MayTryAgain(pod, module, status)) return new ModuleStep.Rest();
        if (InTheWay(pod, module, status, memory) is { } first) return first;
        if (!module.HasLived && status.LastError is { Reason: nameof(FailureReason.BaseDied) } death
            && AheadOfSuspect(pod, module, death) is { } ahead)
        {
            return new ModuleStep.Wait(ModulePhase.Prepare, $"suspected of having ended the base: waiting for {NameOf(ahead)} to be installed"
                + (ahead.IsInstalled ? " for a minute without the base ending" : ""));
        }

        return new ModuleStep.Send(new ModuleCommand.Install(
            module.Uid, module.Module.Spec.Module, pod.Life!.Id, module.NextAttempt, module.Settings.InstallTimeout, Activate: true)
        {
            Before = HookCall.From(module.Settings.Hooks?.PreInstall),
            After = HookCall.From(module.Settings.Hooks?.PostInstall),
            Priority = module.Settings.Priority,
            DeploymentCreatedAt = module.Settings.DeploymentCreatedAt,
            HasLived = module.HasLived,
        });
    }

    // Refused is not tried: the number is used up, nothing else. What is refused for good is a failure.
    private static DateTimeOffset? RefusedUntil(BasePodFacts pod, ModuleFacts module) =>
        pod.LastAnswer(module.Uid, CommandAction.Install) is { Answer: { Outcome: CommandOutcome.Refused } refused } ? refused.ReceivedAt + BasePodTimes.Refused : null;

    private static bool MayTryAgain(BasePodFacts pod, ModuleFacts module, ModuleStatus status)
    {
        if (RefusedUntil(pod, module) is { } until && !pod.IsDue(until)) return false;
        if (module.IsQuarantined) return false;
        if (status.LastError is not { } error || error.Time <= module.Settings.RetriedAt) return true;
        var attempts = status.BaseLife == pod.Life!.Id ? status.Attempts ?? 0 : 0;
        return Retries.After(module, error, Math.Max(1, attempts)) switch
        {
            Retry.Final => false,
            Retry.Elsewhere => attempts == 0,
            Retry.After after => attempts == 0 || error.Time is not { } time || pod.IsDue(time + after.Delay),
            _ => false,
        };
    }

    // Under uninstall_then_install nothing else of the name may be left, save what is stuck and what is not ours.
    private static ModuleStep? InTheWay(BasePodFacts pod, ModuleFacts module, ModuleStatus status, BasePodMemory memory)
    {
        if (module.Settings.InstallsFirst) return null;
        if (pod.Find(module.Module.Spec.Replaces) is { } replaced && replaced.Uid != module.Uid)
            return Prepare(pod, module, replaced, status) ?? WaitForOwner(replaced);
        foreach (var sibling in module.Siblings.Where(sibling => sibling is { ModuleUid.Length: > 0, IsStuck: false }))
        {
            if (pod.Find(sibling.ModuleUid) is not { } owner) return RemoveOrphan(pod, sibling, module.Settings.TrafficDrain, memory);
            // Two that want each other gone would wait for ever: the one that is replaced does not wait.
            if (owner.IsDeleting || owner.Module.Spec.Replaces != module.Uid) return WaitForOwner(owner);
        }

        return null;
    }

    // A suspect comes after all others, and waits for the last of them. Where it was not told whose death it was, and not the first time,
    // alone for a minute: otherwise the next could again be either's. Not at the first: a restart by hand shall not cost minutes.
    private static ModuleFacts? AheadOfSuspect(BasePodFacts pod, ModuleFacts module, ModuleError death)
    {
        var others = pod.Modules.Where(other => other.IsHere && !other.IsDeleting && other.Uid != module.Uid).ToList();
        // Who it was has come out: nobody else has to be tried for that death, and they need not cost a minute each.
        var isSolved = others.Exists(other => other.IsQuarantined && other.IsSuspect && other.Module.Status.LastError!.Time >= death.Time);
        return others.FindLast(other => !(other.IsInstalled
            ? isSolved || other.HasLived || !(Retries.MustBeAlone(death) || (other.IsSuspect && Retries.MustBeAlone(other.Module.Status.LastError)))
                || pod.IsDue((other.Own!.InstalledAt ?? pod.Now) + BasePodTimes.Suspicious)
            : other.IsSuspect || other.Recorded > 0 || other.Module.Status.Status == ModulePhase.Failed));
    }

    /// <summary>The module that this one replaces serves until the new artifact is on the pod. Null: nothing is left to prepare.</summary>
    private static ModuleStep? Prepare(BasePodFacts pod, ModuleFacts module, ModuleFacts replaced, ModuleStatus status)
    {
        if (!pod.Current!.CanFetch || replaced.IsDeleting || !replaced.IsInstalled || module.Module.Spec.Replaces != replaced.Uid) return null;
        var stays = $"{replaced.Name}:{replaced.Version} goes on serving";
        if (pod.Current.Staged.Contains(module.Uid))
        {
            return pod.Current.IsOutOfMetaspace
                ? new ModuleStep.Wait(ModulePhase.Prepare, $"pod {pod.State.Key} is out of Metaspace until its base restarts; {stays}")
                : null;
        }

        if (pod.IsFetching(module.Uid)) return new ModuleStep.Wait(ModulePhase.Prepare, $"fetching the artifact on pod {pod.State.Key}; {stays}");
        if (!MayTryAgain(pod, module, status)) return new ModuleStep.Rest();
        // One more would take the place of another that is needed as much.
        if (pod.Modules.Count(other => !other.IsDeleting && (pod.Current.Staged.Contains(other.Uid) || pod.IsFetching(other.Uid))) >= ModuleCommand.MostStaged)
        {
            return new ModuleStep.Wait(ModulePhase.Prepare,
                $"waiting until fewer than {ModuleCommand.MostStaged} fetched artifacts wait for their installs on pod {pod.State.Key}; {stays}");
        }

        var last = pod.LastAnswer(module.Uid, CommandAction.Fetch);
        var pause = last?.Answer.Outcome switch
        {
            CommandOutcome.Succeeded => BasePodTimes.EffectShows,
            CommandOutcome.Refused => BasePodTimes.Refused,
            _ => TimeSpan.Zero,
        };
        if (last is { } answered && !pod.IsDue(answered.Answer.ReceivedAt + pause))
        {
            return new ModuleStep.Wait(ModulePhase.Prepare, answered.Answer.Outcome == CommandOutcome.Refused
                ? $"the agent of pod {pod.State.Key} refused the fetch; it is sent again; {stays}"
                : $"waiting for the agent of pod {pod.State.Key} to list the artifact; {stays}");
        }

        return new ModuleStep.Send(new ModuleCommand.Fetch(
            module.Uid, module.Module.Spec.Module, pod.Life!.Id, Math.Max(module.Recorded, last?.Attempt ?? 0) + 1, module.Settings.InstallTimeout));
    }

    private static ModuleStep.Wait WaitForOwner(ModuleFacts owner) => new(
        ModulePhase.Prepare,
        owner.Module.Metadata.DeletionTimestamp is { } since
            ? $"waiting for {NameOf(owner)} to be uninstalled, which was deleted at {since:HH:mm:ss} UTC"
            : $"waiting for {NameOf(owner)} to be removed");

    private static string NameOf(ModuleFacts module) => $"Module {module.Module.Metadata.Name} ({module.Name}:{module.Version})";

    private static ModuleStep RemoveOrphan(BasePodFacts pod, BizView orphan, TimeSpan drain, BasePodMemory memory)
    {
        var what = $"{orphan.Name}:{orphan.Version} of a Module that is gone";
        if (!pod.IsDue(pod.AcceptingSince + AgentPresence.TimeToReport))
            return new ModuleStep.Wait(ModulePhase.Prepare, $"{what} is in the way; nothing is removed in our first seconds");
        if (orphan.IsStuck || orphan.State is BizState.Resolved or BizState.Other)
            return new ModuleStep.Wait(ModulePhase.Prepare, $"{what} hangs in the base of pod {pod.State.Key}; only its restart helps");
        return Remove(pod, orphan, new() { TrafficDrain = drain }, memory);
    }

    private static ModuleStep Remove(BasePodFacts pod, BizView biz, ModuleSettings settings, BasePodMemory memory)
    {
        var uid = biz.ModuleUid!;
        if (!TrafficPlanner.IsDrained(pod, memory.Of(uid), settings.TrafficDrain))
            return new ModuleStep.Wait(ModulePhase.Terminating, $"waiting for the traffic of {biz.Name}:{biz.Version} to run dry");
        return Repeat(pod, uid, CommandAction.Uninstall, attempt => new ModuleCommand.Uninstall(
            uid, biz.Name, biz.Version, pod.Life!.Id, attempt, settings.InstallTimeout)
        {
            Before = OfUninstall(pod, uid, settings.Hooks?.PreUninstall),
            After = OfUninstall(pod, uid, settings.Hooks?.PostUninstall),
        });
    }

    // Where another Module takes its place, a hook may hold an uninstall up. What is deleted otherwise goes in any case.
    private static HookCall? OfUninstall(BasePodFacts pod, string uid, ModuleHook? hook) =>
        HookCall.OfUninstall(hook) is { } call
            ? call with { IgnoreFailure = call.IgnoreFailure || !pod.Modules.Any(other => other.Module.Spec.Replaces == uid && !other.IsDeleting) }
            : null;

    // The next attempt at something whose attempts only the agent counts: what it has answered, it does not do again.
    private static ModuleStep Repeat(BasePodFacts pod, string uid, string action, Func<int, ModuleCommand> command)
    {
        if (pod.LastAttempt(uid, action) is not { } last) return new ModuleStep.Send(command(1));
        var pause = last.Outcome switch
        {
            CommandOutcome.Succeeded => BasePodTimes.EffectShows,
            CommandOutcome.Refused => BasePodTimes.Refused,
            _ => RetryPolicy.Delay(last.Attempt, RetryPolicy.Jitter(uid, last.Attempt)),
        };
        if (pod.IsDue(last.AnsweredAt + pause)) return new ModuleStep.Send(command(last.Attempt + 1));
        return new ModuleStep.Wait(ModulePhase.Prepare, last switch
        {
            { Outcome: CommandOutcome.Refused } => $"the agent of pod {pod.State.Key} refused the {action}; it is sent again",
            { Reason: { } reason } => $"waiting for the next attempt to {action}: the last one failed with {reason}",
            _ => $"waiting for the next attempt to {action}",
        });
    }

    private static ModuleStep.Wait Late(bool isDeleting) => new(
        isDeleting ? ModulePhase.Terminating : ModulePhase.Prepare,
        "the base answers again after a silence; waiting whether it carries out earlier commands");
}
