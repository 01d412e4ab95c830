using ModuleController.Core.Agents;
using ModuleController.Core.Commands;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;

namespace ModuleController.Core.BasePods;

/// <summary>Finds failures that are in no status yet: in answers, in snapshots, and in the end of a base life.</summary>
internal static class ModuleFailures
{
    /// <summary>What failed in this life and is not in the status yet.</summary>
    public static (int Attempts, ModuleError Error)? InThisLife(BasePodFacts pod, ModuleFacts module)
    {
        if (pod.History.LastAnswer(module.Uid, CommandAction.Fetch) is { } fetch && fetch.Attempt > module.Recorded && module.Own is null
            && (fetch.Answer.Outcome == CommandOutcome.Failed || IsRefusedForGood(fetch.Answer)))
            return (fetch.Attempt, ErrorOf(fetch.Answer));
        if (pod.History.LastAnswer(module.Uid, CommandAction.Install) is { } last && last.Attempt > module.Recorded)
        {
            if (last.Answer.Outcome == CommandOutcome.Failed || IsRefusedForGood(last.Answer))
                return (last.Attempt, ErrorOf(last.Answer));
            if (last.Answer.Outcome == CommandOutcome.Succeeded && module.Own is null && !module.AwaitsSnapshot)
                return (last.Attempt,
                    Error(FailureReason.BizLost, "the install succeeded, but the base does not list the module", pod.Now));
        }

        if (module.Own is null && module.IsOfThisLife && module.Module.Status.Conditions.IsTrue(ModuleConditions.Installed))
            return (module.Recorded, Error(FailureReason.BizLost, "the base does not list the module any more", pod.Now));
        if (module.Own is { State: BizState.Deactivated }
            && pod.History.LastAnswer(module.Uid, CommandAction.Switch) is { Answer.Outcome: CommandOutcome.Failed } failed
            && !IsRecorded(module, failed.Answer)) return (module.Recorded, ErrorOf(failed.Answer, FailureReason.SwitchFailed));
        if (module.IsStuck
            && module.Module.Status is not { Status: ModulePhase.Failed, LastError.Reason: nameof(FailureReason.InstallTimedOut) })
            return (module.Recorded, Error(FailureReason.InstallTimedOut, "the module did not finish its start", pod.Now));
        if (module.Duplicate is { ModuleUid: null or "", State: BizState.Broken }
            && module.Module.Status.LastError?.Reason != nameof(FailureReason.ForeignBiz))
            return (module.Recorded, Error(FailureReason.ForeignBiz,
                $"{module.Name}:{module.Version} is in the base already, broken and not installed by us; it is left alone", pod.Now));
        return null;
    }

    /// <summary>The failed uninstall of a deleted Module whose biz is still in the JVM.</summary>
    public static ModuleError? OfUninstall(BasePodFacts pod, ModuleFacts module) =>
        pod.History.LastAnswer(module.Uid, CommandAction.Uninstall) is { Answer.Outcome: CommandOutcome.Failed } failed
            && module.Own is not null
        && !IsRecorded(module, failed.Answer)
            ? ErrorOf(failed.Answer, FailureReason.UninstallFailed)
            : null;

    /// <summary>A hook that failed after an uninstall that did what it should.</summary>
    public static ModuleError? OfLastHook(BasePodFacts pod, ModuleFacts module) =>
        pod.History.LastAnswer(module.Uid, CommandAction.Uninstall)
            is { Answer: { Outcome: CommandOutcome.Failed, Reason: FailureReason.HookFailed } failed }
        && !IsRecorded(module, failed)
            ? ErrorOf(failed)
            : null;

    /// <summary>The base life before this one ended under this Module, or too soon after its install; else null.</summary>
    /// <remarks>
    /// Every module that was new is a suspect, the one whose install was under way among them. The exit counts only where
    /// there was a single one. Where there were more, and again, they are installed a minute apart, so that the next exit shows which one
    /// it was.
    /// </remarks>
    public static ModuleError? JvmExit(BasePodFacts pod, ModuleFacts module, BasePodMemory memory)
    {
        if (!IsSuspectOfExit(pod, module, memory)) return null;
        // One that is on its way out may have been it as well as any other.
        var isShared = pod.Modules.Any(other => other != module && other.IsHere
            && (IsSuspectOfExit(pod, other, memory) || WasSuspectOfExit(other)));
        return Error(FailureReason.BaseDied, "the base ended while it was installed, or within a minute of it", pod.Now) with
        {
            Code = JvmExits.Of(module.Module.Status.LastError).Next(isShared).Code,
        };
    }

    private static bool IsSuspectOfExit(BasePodFacts pod, ModuleFacts module, BasePodMemory memory)
    {
        var status = module.Module.Status;
        if (module.HasLived || module.IsInstalled || pod.Life is not { } life || status.BaseLife == life.Id) return false;
        var ended = pod.State.Memory.DownSince is { } down && down < life.StartedAt ? down : life.StartedAt;
        var wasYoung = status.BaseLife is not null && status.Conditions.IsTrue(ModuleConditions.Installed)
            && status.InstalledAt is { } installed && ended - installed <= BasePodTimes.Suspicious;
        return wasYoung || WasUnderWay(pod, module, memory);
    }

    // For this very exit: its status was written, and then a write of another one's failed.
    private static bool WasSuspectOfExit(ModuleFacts module) =>
        module.IsOfThisLife && module.IsSuspect && JvmExits.Of(module.Module.Status.LastError).IsShared
        && module.Module.Status.Conditions.Find(ModuleConditions.Installed)?.Reason == nameof(FailureReason.BaseDied);

    // By our memory, or by the agent's journal.
    private static bool WasUnderWay(BasePodFacts pod, ModuleFacts module, BasePodMemory memory) =>
        (memory.Of(module.Uid).Installing is { } install && install.BaseLife != pod.Life!.Id)
        || pod.View!.Interrupted.Any(text => CommandId.Parse(text) is { } id && id.ModuleUid == module.Uid && id.BaseLife != pod.Life!.Id);

    // The API keeps whole seconds: what is finer would differ from itself at the next reconcile.
    public static DateTimeOffset? Seconds(DateTimeOffset? time) =>
        time is { } exact ? exact.AddTicks(-(exact.Ticks % TimeSpan.TicksPerSecond)) : null;

    private static ModuleError ErrorOf(CommandAnswer answer, FailureReason otherwise = FailureReason.ArkletUnreachable) =>
        Error(answer.Reason ?? otherwise, answer.Message ?? "no cause was given", answer.ReceivedAt) with
        {
            Code = answer.Code,
            RetryAfterSeconds = answer.RetryAfter is { } wait ? (int)Math.Ceiling(wait.TotalSeconds) : null,
        };

    public static ModuleError Error(FailureReason reason, string message, DateTimeOffset time) =>
        new() { Reason = reason.ToString(), Message = message, Time = Seconds(time) };

    public static string CodeOf(ModuleError error) => error.Code is { Length: > 0 } code ? $" ({code})" : "";

    /// <summary>The same command would be refused again.</summary>
    public static bool IsRefusedForGood(CommandAnswer answer) =>
        answer is { Outcome: CommandOutcome.Refused, Reason: not (null or FailureReason.Fenced) };

    private static bool IsRecorded(ModuleFacts module, CommandAnswer answer) =>
        module.Module.Status.LastError is { Time: { } time } && time >= Seconds(answer.ReceivedAt);
}
