using ModuleController.Core.Agents;
using ModuleController.Core.Commands;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;

namespace ModuleController.Core.BasePods;

/// <summary>When the finalizer of a deleted Module is removed: its module is uninstalled, or is not waited for any longer.</summary>
internal static class FinalizerPlanner
{
    /// <summary>Null: it stays. An Event reports what may be left behind; the agent's journal removes it later.</summary>
    public static FinalizerRemoval? Plan(
        BasePodFacts pod, ModuleFacts module, BasePodMemory memory, ICollection<BasePodEvent> events)
    {
        if (!module.IsDeleting || !module.Module.Metadata.Finalizers.Any(FinalizerNames.IsOfModule)) return null;
        if (module.IsHere && !IsUninstalled(pod, module) && !IsGivenUp(pod, module, memory, events)) return null;
        if (module.Own is null && ModuleFailures.OfLastHook(pod, module) is { } failed)
            events.Add(
                new(module.Module, failed.Reason,
                $"{module.Name}:{module.Version} on pod {pod.State.Key} is uninstalled, but {failed.Message}"));
        return new(module.Module, [.. module.Module.Metadata.Finalizers.Where(finalizer => !FinalizerNames.IsOfModule(finalizer))])
        {
            NeedsPodGone = !pod.State.IsNamespaceTerminating && module.Module.Spec.PodUid != pod.PodUid,
        };
    }

    private static bool IsUninstalled(BasePodFacts pod, ModuleFacts module) =>
        pod.IsForeignBase ? !IsListed(pod, module) && !pod.IsUnderWay(module.Uid)
        : pod.Current is not null && module.Own is null && !pod.IsUnderWay(module.Uid) && !module.AwaitsSnapshot;

    private static bool IsListed(BasePodFacts pod, ModuleFacts module) => pod.View!.Biz.Any(biz => biz.ModuleUid == module.Uid);

    private static bool IsGivenUp(
        BasePodFacts pod, ModuleFacts module, BasePodMemory memory, ICollection<BasePodEvent> events)
    {
        var what = $"{module.Name}:{module.Version} of Module {module.Module.Metadata.Name}";
        if (module.IsStuck)
        {
            if (UninstallFailure(pod, module) is { } error)
            {
                events.Add(new(module.Module, error.Reason,
                    $"{module.Name}:{module.Version} on pod {pod.State.Key} could not be uninstalled{ModuleFailures.CodeOf(error)}: "
                        + $"{error.Message}"));
            }

            events.Add(
                new(null, "NeedsRestart",
                $"{what} is stuck in pod {pod.State.Key} and was left there: only a restart of its JVM removes it"));
            return true;
        }

        if (module.Own is not null && pod.Current!.IsRejectedTooOften(module.Uid))
        {
            var why = pod.History.LastAnswer(module.Uid, CommandAction.Uninstall)
                is { Answer: { Reason: FailureReason.UninstallFailed, Message: { } message } } ? $": {message}" : "";
            events.Add(new(module.Module, nameof(FailureReason.UninstallFailed),
                $"{what} was left in pod {pod.State.Key}: its uninstall was rejected {pod.Current.Rejections(module.Uid)} times{why}"));
            events.Add(new(null, "NeedsRestart",
                $"{what} is left in pod {pod.State.Key}, because Arklet rejects its uninstall; it is removed when that succeeds, or by "
                    + "a restart of its JVM"));
            return true;
        }

        if (pod.IsForeignBase && IsListed(pod, module))
        {
            var owner = pod.View!.Shared!.Other is { } other ? $"the base of pod {other}" : "another base";
            events.Add(new(null, "ModuleLeftBehind",
                $"{what} was installed into {owner} by the agent of pod {pod.State.Key} and was left there: only a restart of that base "
                    + "removes it"));
            return true;
        }

        if (memory.SilentSince is not { } since || !pod.HasPassed(since + BasePodTimes.SilenceToRemove)) return false;
        events.Add(new(null, "ModuleLeftBehind", pod switch
        {
            { IsUndecidedBase: true } => $"{what} may still be in pod {pod.State.Key}: {pod.View!.Shared!.Message}",
            { IsFenced: true } =>
                $"{what} is left in pod {pod.State.Key}, whose agent has got no commands since {since:HH:mm:ss} UTC (Fenced); it is "
                    + "removed when the agent gets commands again",
            _ => $"{what} may still be in pod {pod.State.Key}, which has not answered since {since:HH:mm:ss} UTC; it is removed when "
                + "the base answers again",
        }));
        return true;
    }

    // What is stuck, and not in its start, is stuck in its uninstall; the answer may arrive later.
    private static ModuleError? UninstallFailure(BasePodFacts pod, ModuleFacts module) =>
        ModuleFailures.OfUninstall(pod, module)
        ?? (module.Own is { State: BizState.Deactivated or BizState.Activated }
            ? ModuleFailures.Error(FailureReason.UninstallFailed, "it did not finish in time", pod.Now)
            : null);
}
