using ModuleController.Core.Agents;
using ModuleController.Core.Commands;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;

namespace ModuleController.Core.BasePods;

/// <summary>What the status of each Module on a base pod should say.</summary>
/// <remarks>
/// One write per successful install, at once for what is lost or failed; what merely goes on is written only when it lasts.
/// Unknown changes nothing but, after a minute, <c>AgentConnected</c>.
/// </remarks>
internal static class ModuleStatusPlanner
{
    /// <summary>The status that is wanted; the one that is there, if nothing has to change.</summary>
    public static ModuleStatus Plan(
        BasePodFacts pod, ModuleFacts module, BasePodMemory podMemory, ref ModuleMemory memory, ICollection<BasePodEvent> events)
    {
        var status = module.Module.Status;
        if (pod.State.IsNamespaceTerminating) return status;
        if (module.IsDeleting) return Going(pod, module, podMemory, ref memory, events);

        if (!module.IsHere) return OffPod(pod, module, ref memory);
        if (pod.State.IsReleased) return Withdrawn(pod, module, "PodReleased", $"pod {pod.State.Key} no longer belongs to the base");
        if (pod.IsForeignBase) return OnForeignBase(pod, module, ref memory);
        if (pod.Life is { } life && status.BaseLife is { } of && of != life.Id && !module.IsInstalled)
            return NewLife(pod, module, life, podMemory, ref memory, events);
        if (pod.Life is { } first && status.BaseLife is null && ModuleFailures.Death(pod, module, podMemory) is { } death)
            return Died(pod, module, first, death, ref memory, events);
        if (pod.Current is null) return Unknown(pod, module, ref memory);
        if (module.IsInstalled) return Available(pod, module, ref memory);
        return NotInstalled(pod, module, podMemory, ref memory, events);
    }

    private static ModuleStatus Going(
        BasePodFacts pod, ModuleFacts module, BasePodMemory podMemory, ref ModuleMemory memory, ICollection<BasePodEvent> events)
    {
        var status = module.Module.Status;
        if (ModuleFailures.OfUninstall(pod, module) is { } error)
        {
            events.Add(new(module.Module, error.Reason,
                $"{module.Name}:{module.Version} on pod {pod.State.Key} could not be uninstalled{ModuleFailures.CodeOf(error)}: {error.Message}"));
            return Write(pod, module, status with
            {
                Status = ModulePhase.Terminating,
                Message = $"{error.Reason}: {error.Message}",
                LastError = error,
            });
        }

        var message = (ModuleSteps.Next(pod, module, status, podMemory), podMemory.SilentSince) switch
        {
            (_, { } since) when pod.IsFenced =>
                $"waiting for the agent of pod {pod.State.Key} to get commands again (Fenced), until {since + BasePodTimes.SilenceToLetGo:HH:mm:ss} UTC",
            (ModuleStep.Wait wait, _) => wait.Message,
            (ModuleStep.Send send, _) => pod.TurnOf(send.Command, podMemory),
            _ when pod.IsUndecidedBase => pod.View!.Shared!.Message,
            (_, { } since) => $"waiting for the base of pod {pod.State.Key} to answer, until {since + BasePodTimes.SilenceToLetGo:HH:mm:ss} UTC",
            _ => "waiting for its last finalizer",
        };
        return Lasting(pod, module, ref memory, status, ModulePhase.Terminating, message);
    }

    private static ModuleStatus NotInstalled(
        BasePodFacts pod, ModuleFacts module, BasePodMemory podMemory, ref ModuleMemory memory, ICollection<BasePodEvent> events)
    {
        if (ModuleFailures.InThisLife(pod, module) is { } failure)
        {
            memory = memory with { Phase = null, PhaseSince = null };
            return Failed(pod, module, failure.Attempts, failure.Error, events);
        }

        var status = module.Module.Status;
        // Replaced and left deactivated: another Module of the name serves, and this one is about to be deleted.
        if (module.Own is { State: BizState.Deactivated } && pod.Here(module.Name).Any(other => other.IsInstalled && !other.IsDeleting))
            return status;
        var (phase, message) = ModuleSteps.Next(pod, module, status, podMemory) switch
        {
            // A broken one of ours is uninstalled before it is installed again.
            ModuleStep.Wait wait => (wait.Phase == ModulePhase.Terminating ? ModulePhase.Prepare : wait.Phase, wait.Message),
            ModuleStep.Send send => (ModulePhase.Prepare, pod.TurnOf(send.Command, podMemory)),
            _ when module is { IsQuarantined: true, Own: null } => (ModulePhase.Failed, "its revision ended two base JVMs and is not installed any more"),
            _ => (null, null),
        };
        // Written at once where Available would be a lie: its label goes with this plan.
        if (module.Module.IsAvailable)
            return Write(pod, module, status with { Status = phase ?? ModulePhase.Pending, Message = message, Conditions = Down(pod, status, "NotActive", message) });
        return phase is null ? status : Lasting(pod, module, ref memory, status, phase, message);
    }

    private static ModuleStatus Available(BasePodFacts pod, ModuleFacts module, ref ModuleMemory memory)
    {
        memory = memory with { Phase = null, PhaseSince = null, Installing = null };
        var (status, biz, life) = (module.Module.Status, module.Own!, pod.Life!);
        var isNewLife = status.BaseLife != life.Id;
        // A suspect stays one until it has lived long enough.
        var isCleared = !module.IsSuspect
            || (!isNewLife && status.Conditions.Find(ModuleConditions.TrafficReady) is { Status: Condition.True, LastTransitionTime: { } since }
                && pod.IsDue(since + BasePodTimes.Suspicious));
        var conditions = isNewLife ? status.Conditions.Without(ModuleConditions.TrafficReady) : status.Conditions;
        foreach (var type in (string[])[ModuleConditions.Installed, ModuleConditions.Healthy, ModuleConditions.TrafficReady])
            conditions = With(pod, conditions, type, Condition.True, "Serving", null);
        return Write(pod, module, status with
        {
            Status = ModulePhase.Available,
            Message = null,
            Attempts = Math.Max(1, Math.Max(module.Recorded, pod.LastAnswer(module.Uid, CommandAction.Install)?.Attempt ?? 0)),
            LastError = isCleared ? null : status.LastError,
            BaseLife = life.Id,
            InstalledAt = ModuleFailures.Seconds(biz.InstalledAt) ?? (isNewLife ? null : status.InstalledAt) ?? ModuleFailures.Seconds(pod.Now),
            InstallSeconds = biz.InstallDuration is { } took ? Math.Round(took.TotalSeconds, 3) : isNewLife ? null : status.InstallSeconds,
            MetaspaceBytes = biz.MetaspaceBytes != 0 ? biz.MetaspaceBytes : isNewLife ? null : status.MetaspaceBytes,
            ArtifactHash = biz.ArtifactHash ?? (isNewLife ? null : status.ArtifactHash),
            Conditions = conditions,
        });
    }

    private static ModuleStatus Failed(
        BasePodFacts pod, ModuleFacts module, int attempts, ModuleError error, ICollection<BasePodEvent> events)
    {
        var status = module.Module.Status;
        var what = $"{module.Name}:{module.Version} on pod {pod.State.Key}";
        var next = Retries.After(module, error, attempts);
        var isStuck = module.IsStuck || (module.Own is { State: BizState.Resolved } && error.Reason == nameof(FailureReason.InstallTimedOut));
        var (phase, message) = (isStuck, next) switch
        {
            (true, _) => (ModulePhase.Failed, "is stuck in its start: only a restart of the base helps"),
            (_, Retry.Final) when error.Reason == nameof(FailureReason.HookFailed) =>
                (ModulePhase.Failed, $"is not tried again before its hook is corrected and the annotation {Annotations.Action} is set to retry"),
            (_, Retry.Final) => (ModulePhase.Failed, "is not tried again with this artifact"),
            (_, Retry.Elsewhere) => (ModulePhase.Failed, "is tried again on another pod, or when the base has restarted"),
            (_, Retry.After after) => (ModulePhase.Pending, $"is tried again at {(error.Time ?? pod.Now) + after.Delay:HH:mm:ss} UTC"),
            _ => throw new InvalidOperationException($"no retry for {error.Reason}"),
        };
        events.Add(new(module.Module, error.Reason, $"Failed to install {what}{ModuleFailures.CodeOf(error)}: {error.Message}"));
        return Write(pod, module, status with
        {
            Status = phase,
            Message = $"{error.Reason}: {error.Message}; {message}",
            Attempts = attempts,
            LastError = error,
            BaseLife = pod.Life!.Id,
            Conditions = Down(pod, status, error.Reason, error.Message),
        });
    }

    private static ModuleStatus NewLife(
        BasePodFacts pod, ModuleFacts module, BaseLife life, BasePodMemory podMemory, ref ModuleMemory memory,
        ICollection<BasePodEvent> events)
    {
        if (ModuleFailures.Death(pod, module, podMemory) is { } death) return Died(pod, module, life, death, ref memory, events);
        memory = memory with { Phase = null, PhaseSince = null, Installing = null };
        var status = module.Module.Status;
        var isFinal = status.LastError is { } error && Retries.After(module, error, 1) is Retry.Final;
        var message = isFinal ? status.Message : $"the base of pod {pod.State.Key} restarted; waiting to be installed again";
        return Write(pod, module, status with
        {
            Status = isFinal ? ModulePhase.Failed : ModulePhase.Pending,
            Message = message,
            Attempts = null,
            BaseLife = life.Id,
            Conditions = Down(pod, status, "BaseRestarted", "the base restarted"),
        });
    }

    private static ModuleStatus Died(
        BasePodFacts pod, ModuleFacts module, BaseLife life, ModuleError error, ref ModuleMemory memory, ICollection<BasePodEvent> events)
    {
        memory = memory with { Phase = null, PhaseSince = null, Installing = null };
        var status = module.Module.Status;
        var deaths = Retries.DeathsIn(error);
        var isFinal = RetryPolicy.Next(FailureReason.BaseDied, deaths, module.HasServed, 0) is Retry.Final;
        var whose = Retries.IsShared(error) ? "others were as new, and it counts for none of them" : $"death {deaths}";
        events.Add(new(module.Module, error.Reason, $"{module.Name}:{module.Version} on pod {pod.State.Key}: {error.Message} ({whose})"));
        return Write(pod, module, status with
        {
            Status = isFinal ? ModulePhase.Failed : ModulePhase.Pending,
            Message = isFinal
                ? $"{error.Reason}: {error.Message}, {deaths} times; is not tried again with this artifact"
                : $"{error.Reason}: {error.Message}; is tried again, after the other modules of the pod",
            Attempts = null,
            LastError = error,
            BaseLife = life.Id,
            Conditions = Down(pod, status, error.Reason, error.Message),
        });
    }

    // The pod is terminating, finished or gone: it serves nothing, and Placement replaces its Modules.
    private static ModuleStatus OffPod(BasePodFacts pod, ModuleFacts module, ref ModuleMemory memory)
    {
        var isThere = pod.State.Pod is not null && module.Module.Spec.PodUid == pod.PodUid;
        var message = isThere
            ? pod.IsFinished ? $"pod {pod.State.Key} has finished" : $"pod {pod.State.Key} is being deleted"
            : $"pod {pod.State.Key} is gone";
        // Of a pod that is gone, nobody reads the label any more: not worth a write, if the Module is deleted right away.
        if (!isThere && !Lasts(pod, ref memory, message)) return module.Module.Status;
        return Withdrawn(pod, module, "PodGone", message);
    }

    private static ModuleStatus Withdrawn(BasePodFacts pod, ModuleFacts module, string reason, string message) =>
        module.Module.Status is { Status: ModulePhase.Available } status
            ? Write(pod, module, status with { Status = ModulePhase.Terminating, Message = message, Conditions = Down(pod, status, reason, message) })
            : module.Module.Status;

    // Its message is about the pod as it is: written at once, and replaced as soon as its own base answers.
    private static ModuleStatus OnForeignBase(BasePodFacts pod, ModuleFacts module, ref ModuleMemory memory)
    {
        memory = memory with { Phase = null, PhaseSince = null, Installing = null };
        var (status, message) = (module.Module.Status, pod.View!.Shared!.Message);
        return Write(pod, module, status with
        {
            Status = ModulePhase.Prepare,
            Message = message,
            Conditions = Down(pod, status, Reasons.ForeignBase, message),
        });
    }

    private static ModuleStatus Unknown(BasePodFacts pod, ModuleFacts module, ref ModuleMemory memory)
    {
        var status = module.Module.Status;
        if (pod.IsBaseDown && module.Module.IsAvailable)
        {
            var down = $"the base of pod {pod.State.Key} is down";
            // Installed stays as it was: it tells, when the next life begins, whether this one ended too soon after the install.
            return Write(pod, module, status with
            {
                Status = ModulePhase.Pending,
                Message = down,
                Conditions = With(pod, With(pod, status.Conditions, ModuleConditions.Healthy, Condition.False, "BaseDown", down),
                    ModuleConditions.TrafficReady, Condition.False, "BaseDown", down),
            });
        }

        if (pod.View is { IsConnected: true })
        {
            // Connected, but Arklet does not answer: what is installed stays as it was; what waits says for what.
            var known = status.Conditions.Find(ModuleConditions.AgentConnected);
            if (known is { Status: not Condition.True }) return Write(pod, module, status);
            var answer = pod.IsUndecidedBase ? pod.View.Shared!.Message
                : pod.View.State == BaseState.WithoutFigures
                ? $"Arklet on pod {pod.State.Key} answers, but its health lacks the JVM's figures, so its base life is not known"
                : $"waiting for the base of pod {pod.State.Key} to answer";
            return IsWaiting(status)
                ? Lasting(pod, module, ref memory, status, ModulePhase.Prepare, answer)
                : status;
        }

        var since = pod.View?.LastHeard ?? pod.AcceptingSince;
        if (!pod.IsDue(since + BasePodTimes.SilenceToTell)) return status;
        var message = $"the agent of pod {pod.State.Key} has not been heard since {since:HH:mm:ss} UTC";
        if (status.Conditions.Find(ModuleConditions.AgentConnected) is { Status: Condition.Unknown }) return status;
        return Stamp(pod, module, status with
        {
            Status = status.Status ?? ModulePhase.Pending,
            Message = IsWaiting(status) ? message : status.Message,
            Conditions = With(pod, status.Conditions, ModuleConditions.AgentConnected, Condition.Unknown, nameof(FailureReason.AgentDisconnected), message),
        });
    }

    /// <summary>Its message says what it waits for, and must name what it waits for now.</summary>
    private static bool IsWaiting(ModuleStatus status) =>
        status.IsInitial || status.Status is ModulePhase.Prepare or ModulePhase.Upgrading;

    private static ModuleStatus Lasting(
        BasePodFacts pod, ModuleFacts module, ref ModuleMemory memory, ModuleStatus status, string phase, string? message)
    {
        if (status.Status == phase && status.Message == message)
        {
            memory = memory with { Phase = null, PhaseSince = null };
            return status;
        }

        return Lasts(pod, ref memory, $"{phase}: {message}")
            ? Write(pod, module, status with { Status = phase, Message = message })
            : status;
    }

    private static bool Lasts(BasePodFacts pod, ref ModuleMemory memory, string what)
    {
        if (memory.Phase != what || memory.PhaseSince is null) memory = memory with { Phase = what, PhaseSince = pod.Now };
        return pod.IsDue(memory.PhaseSince!.Value + BasePodTimes.Intermediate);
    }

    // Whenever a status is written anyway, what is always true goes with it.
    private static ModuleStatus Write(BasePodFacts pod, ModuleFacts module, ModuleStatus wanted)
    {
        var conditions = With(pod, wanted.Conditions, ModuleConditions.Scheduled, Condition.True, "Bound", null);
        if (pod.View is { IsConnected: true })
            conditions = With(pod, conditions, ModuleConditions.AgentConnected, Condition.True, "Connected", null);
        return Stamp(pod, module, wanted with { Conditions = conditions });
    }

    private static ModuleStatus Stamp(BasePodFacts pod, ModuleFacts module, ModuleStatus wanted)
    {
        var status = module.Module.Status;
        wanted = wanted with
        {
            ObservedGeneration = module.Module.Metadata.Generation,
            LastTransitionTime = wanted.Status == status.Status && !status.IsInitial
                ? status.LastTransitionTime
                : ModuleFailures.Seconds(pod.Now),
        };
        return ModuleStatuses.AreEqual(status, wanted) ? status : wanted;
    }

    private static IReadOnlyList<Condition> Down(BasePodFacts pod, ModuleStatus status, string reason, string? message)
    {
        var conditions = status.Conditions;
        foreach (var type in (string[])[ModuleConditions.Installed, ModuleConditions.Healthy, ModuleConditions.TrafficReady])
            conditions = With(pod, conditions, type, Condition.False, reason, message);
        return conditions;
    }

    private static IReadOnlyList<Condition> With(
        BasePodFacts pod, IReadOnlyList<Condition> conditions, string type, string status, string reason, string? message) =>
        conditions.With(new() { Type = type, Status = status, Reason = reason, Message = message }, ModuleFailures.Seconds(pod.Now)!.Value);
}
