using ModuleController.Core.Agents;
using ModuleController.Core.Commands;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;

namespace ModuleController.Core.BasePods;

/// <summary>One Module on a base pod: its phase, what it waits for, and its next command.</summary>
/// <remarks>
/// One write per successful install, immediately for what is lost or failed; an intermediate state is written only when it lasts.
/// Unknown changes nothing but, after a minute, <c>AgentConnected</c>.
/// </remarks>
internal sealed class ModulePlanner(BasePodFacts pod, ModuleFacts module, BasePodMemory podMemory)
{
    private readonly ModuleWrites _writes = new(pod, module, podMemory.Of(module.Uid));
    private readonly ModuleStatus _status = module.Module.Status;
    private readonly string _what = $"{module.Name}:{module.Version} on pod {pod.State.Key}";

    public ModulePlan Plan() => module switch
    {
        _ when pod.State.IsNamespaceTerminating => _writes.Keep(),
        { IsDeleting: true } => Deleting(),
        { IsHere: false } => OffPod(),
        _ when pod.State.IsReleased => Withdrawn("PodReleased", $"pod {pod.State.Key} no longer belongs to the base"),
        _ when pod.IsForeignBase => OnForeignBase(),
        _ when ModuleFailures.JvmExit(pod, module, podMemory) is { } exit => AfterJvmExit(exit),
        { IsInstalled: false } when pod.Life is { } life && _status.BaseLife is { } of && of != life.Id => InNewLife(life),
        _ when pod.Current is null => new UnknownModule(pod, module, _writes).Plan(),
        { IsInstalled: true } => Available(),
        _ when ModuleFailures.InThisLife(pod, module) is { } failure => Failed(failure.Attempts, failure.Error),
        _ => Starting(),
    };

    private ModuleStep Next(ModuleStatus status) => module switch
    {
        _ when pod.Current is null || !module.IsHere => ModuleStep.None,
        _ when pod.Commands.Of(module.Uid) is { } id => UnderWay(id),
        { IsDeleting: true } => UninstallSteps.OfModule(pod, module, podMemory),
        _ => new InstallSteps(pod, module, status, podMemory).Next(),
    };

    private ModuleStep UnderWay(string id)
    {
        var (_, action, _, attempt) = CommandId.Parse(id)!;
        var what = pod.Commands.InHooks.Any(running => running.CommandId == id) ? $"a hook of its {action}" : action;
        var phase = module.IsDeleting
            ? ModulePhase.Terminating : action == CommandAction.Switch ? ModulePhase.Completing : ModulePhase.Upgrading;
        return new(phase, $"{what} is under way on pod {pod.State.Key} (attempt {attempt})");
    }

    private ModulePlan Deleting()
    {
        var step = Next(_status);
        if (ModuleFailures.OfUninstall(pod, module) is { } error)
        {
            return _writes.Write(_status with
            {
                Status = ModulePhase.Terminating,
                Message = $"{error.Reason}: {error.Message}",
                LastError = error,
            }).With(step) with
            {
                Events = [Warning(error.Reason, $"{_what} could not be uninstalled{ModuleFailures.CodeOf(error)}: {error.Message}")],
            };
        }

        var removedAt = podMemory.SilentSince + BasePodTimes.SilenceToRemove;
        var message = step switch
        {
            _ when pod.IsFenced && removedAt is { } until =>
                $"waiting for the agent of pod {pod.State.Key} to get commands again (Fenced), until {until:HH:mm:ss} UTC",
            { Message: { } waiting } => waiting,
            _ when pod.IsUndecidedBase => pod.View!.Shared!.Message,
            _ when removedAt is { } until => $"waiting for the base of pod {pod.State.Key} to answer, until {until:HH:mm:ss} UTC",
            _ => "waiting for its last finalizer",
        };
        return _writes.WriteIfLasting(ModulePhase.Terminating, message).With(step);
    }

    private ModulePlan Starting()
    {
        var step = Next(_status);
        // Replaced and left deactivated: another Module of the name serves, and this one is about to be deleted.
        if (module.Own is { State: BizState.Deactivated } && pod.Here(module.Name).Any(other => other.IsInstalled && !other.IsDeleting))
            return _writes.Keep().With(step);
        // Its label is removed by the same plan, so Available is not true any more.
        if (module.Module.IsAvailable)
        {
            return _writes.Write(_status with
            {
                Status = step.Phase ?? ModulePhase.Pending,
                Message = step.Message,
                Conditions = _writes.Down("NotActive", step.Message),
            }).With(step);
        }

        return (step.Phase is { } phase ? _writes.WriteIfLasting(phase, step.Message) : _writes.Keep()).With(step);
    }

    private ModulePlan Available()
    {
        var (biz, life) = (module.Own!, pod.Life!);
        var isNewLife = _status.BaseLife != life.Id;
        // A suspect stays one until it has lived for a minute.
        var clearedAt = !isNewLife
            && _status.Conditions.Find(ModuleConditions.TrafficReady) is { Status: Condition.True, LastTransitionTime: { } since }
            ? since + BasePodTimes.Suspicious
            : (DateTimeOffset?)null;
        var isCleared = !module.IsSuspect || pod.HasPassed(clearedAt);
        var conditions = isNewLife ? _status.Conditions.Without(ModuleConditions.TrafficReady) : _status.Conditions;
        foreach (var type in (string[])[ModuleConditions.Installed, ModuleConditions.Healthy, ModuleConditions.TrafficReady])
            conditions = _writes.With(conditions, type, Condition.True, "Serving", null);
        return _writes.Write(_status with
        {
            Status = ModulePhase.Available,
            Message = null,
            Attempts = Math.Max(1, Math.Max(module.Recorded, pod.History.LastAnswer(module.Uid, CommandAction.Install)?.Attempt ?? 0)),
            LastError = isCleared ? null : _status.LastError,
            BaseLife = life.Id,
            InstalledAt = ModuleFailures.Seconds(biz.InstalledAt) ?? (isNewLife ? null : _status.InstalledAt)
                ?? ModuleFailures.Seconds(pod.Now),
            InstallSeconds = biz.InstallDuration is { } took ? Math.Round(took.TotalSeconds, 3) : isNewLife ? null : _status.InstallSeconds,
            MetaspaceBytes = biz.MetaspaceBytes != 0 ? biz.MetaspaceBytes : isNewLife ? null : _status.MetaspaceBytes,
            ArtifactHash = biz.ArtifactHash ?? (isNewLife ? null : _status.ArtifactHash),
            Conditions = conditions,
        }) with
        { Memory = _writes.Fresh, RequeueAt = isCleared ? null : clearedAt };
    }

    private ModulePlan Failed(int attempts, ModuleError error)
    {
        var isStuck = module.IsStuck
            || (module.Own is { State: BizState.Resolved } && error.Reason == nameof(FailureReason.InstallTimedOut));
        var (phase, message) = (isStuck, module.RetryAfter(error, attempts)) switch
        {
            (true, _) => (ModulePhase.Failed, "is stuck in its start: only a restart of this JVM removes it"),
            (_, Retry.Final) when error.Reason == nameof(FailureReason.HookFailed) =>
                (ModulePhase.Failed,
                    $"is not tried again before its hook is corrected and the annotation {Annotations.Action} is set to retry"),
            (_, Retry.Final) when error.Reason == nameof(FailureReason.ArtifactNotAllowed) =>
                (ModulePhase.Failed,
                    $"is not tried again before its artifact is corrected, or the annotation {Annotations.Action} is set to retry after a "
                        + "change of the policy or the store"),
            (_, Retry.Final) => (ModulePhase.Failed, "is not tried again with this artifact"),
            (_, Retry.Elsewhere) => (ModulePhase.Failed, "is tried again on another pod, or when the base has restarted"),
            (_, Retry.After after) => (ModulePhase.Pending, $"is tried again at {(error.Time ?? pod.Now) + after.Delay:HH:mm:ss} UTC"),
            _ => throw new InvalidOperationException($"no retry for {error.Reason}"),
        };
        return WriteAndContinue(_status with
        {
            Status = phase,
            Message = $"{error.Reason}: {error.Message}; {message}",
            Attempts = attempts,
            LastError = error,
            BaseLife = pod.Life!.Id,
            Conditions = _writes.Down(error.Reason, error.Message),
        }) with
        {
            Memory = _writes.Settled,
            Events = [Warning(error.Reason, $"Failed to install {_what}{ModuleFailures.CodeOf(error)}: {error.Message}")],
        };
    }

    private ModulePlan InNewLife(BaseLife life)
    {
        var isFinal = _status.LastError is { } error && module.RetryAfter(error, 1) is Retry.Final;
        return WriteAndContinue(_status with
        {
            Status = isFinal ? ModulePhase.Failed : ModulePhase.Pending,
            Message = isFinal ? _status.Message : $"the base of pod {pod.State.Key} restarted; waiting to be installed again",
            Attempts = null,
            BaseLife = life.Id,
            Conditions = _writes.Down("BaseRestarted", "the base restarted"),
        });
    }

    private ModulePlan AfterJvmExit(ModuleError error)
    {
        var exits = JvmExits.Of(error);
        var isFinal = RetryPolicy.Next(FailureReason.BaseDied, exits.Own, module.HasServed, 0) is Retry.Final;
        var whose = exits.IsShared ? "other modules may have caused it, so it counts for none" : $"JVM exit {exits.Own}";
        return WriteAndContinue(_status with
        {
            Status = isFinal ? ModulePhase.Failed : ModulePhase.Pending,
            Message = isFinal
                ? $"{error.Reason}: {error.Message}, {exits.Own} times; is not tried again with this artifact"
                : $"{error.Reason}: {error.Message}; is tried again, after the other modules of the pod",
            Attempts = null,
            LastError = error,
            BaseLife = pod.Life!.Id,
            Conditions = _writes.Down(error.Reason, error.Message),
        }) with
        { Events = [Warning(error.Reason, $"{_what}: {error.Message} ({whose})")] };
    }

    // The pod is terminating, finished or deleted: it serves nothing, and Placement replaces its Modules.
    private ModulePlan OffPod()
    {
        var isThere = pod.State.Pod is not null && module.Module.Spec.PodUid == pod.PodUid;
        var message = isThere
            ? pod.IsFinished ? $"pod {pod.State.Key} has finished" : $"pod {pod.State.Key} is being deleted"
            : $"pod {pod.State.Key} was deleted";
        if (isThere) return Withdrawn("PodGone", message);
        // The labels of a deleted pod have no effect: not worth a write, if the Module is deleted right away.
        return _writes.IfLasting(ModulePhase.Terminating, message, () => Withdrawn("PodGone", message));
    }

    private ModulePlan Withdrawn(string reason, string message) => _status.Status == ModulePhase.Available
        ? _writes.Write(_status with { Status = ModulePhase.Terminating, Message = message, Conditions = _writes.Down(reason, message) })
        : _writes.Keep();

    // Its message is about the pod as it is: written immediately, and replaced as soon as its own base answers.
    private ModulePlan OnForeignBase()
    {
        var message = pod.View!.Shared!.Message;
        return _writes.Write(_status with
        {
            Status = ModulePhase.Prepare,
            Message = message,
            Conditions = _writes.Down(Reasons.ForeignBase, message),
        }) with
        { Memory = _writes.Fresh };
    }

    private BasePodEvent Warning(string reason, string message) => new(module.Module, reason, message);

    /// <summary>Writes what is known now; the next command follows from it at once.</summary>
    private ModulePlan WriteAndContinue(ModuleStatus desired)
    {
        var plan = _writes.Write(desired) with { Memory = _writes.Fresh };
        return plan.With(Next(plan.Status));
    }
}
