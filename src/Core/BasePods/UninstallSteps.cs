using ModuleController.Core.Agents;
using ModuleController.Core.Commands;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;

namespace ModuleController.Core.BasePods;

/// <summary>The next step toward removing a biz of ours: traffic is drained first, and what is starting ends its start.</summary>
internal static class UninstallSteps
{
    /// <summary>Of a deleted Module.</summary>
    public static ModuleStep OfModule(BasePodFacts pod, ModuleFacts module, BasePodMemory memory)
    {
        const string Phase = ModulePhase.Terminating;
        if (module.Own is not { } own || module.IsStuck) return ModuleStep.None;
        if (pod.UnresolvedUntil is { } until) return AfterSilence(Phase, until);
        if (own.State is BizState.Resolved or BizState.Other)
            return new(Phase, "waiting for its start to end, before it can be uninstalled");
        return module.Module.Metadata.Labels.ContainsKey(Labels.DeleteModuleDirectly)
            ? ModuleStep.Repeat(pod, Phase, module.Uid, CommandAction.Disown, attempt => new ModuleCommand.Disown(
                module.Uid, module.Name, module.Version, pod.Life!.Id, attempt, BasePodTimes.CommandDeadline))
            : Remove(pod, Phase, own, module.Settings, memory);
    }

    /// <summary>Of a biz whose Module no longer exists.</summary>
    public static ModuleStep OfOrphan(BasePodFacts pod, BizView orphan, BasePodMemory memory)
    {
        var removedAt = (memory.Of(orphan.ModuleUid!).OrphanSince ?? pod.Now) + BasePodTimes.OrphanGrace;
        return pod.HasPassed(removedAt) ? RemoveOrphan(pod, orphan, TimeSpan.Zero, memory) : ModuleStep.None with { Until = removedAt };
    }

    public static ModuleStep RemoveOrphan(BasePodFacts pod, BizView orphan, TimeSpan drain, BasePodMemory memory)
    {
        var what = $"{orphan.Name}:{orphan.Version} of a deleted Module";
        var reportedAt = pod.AcceptingSince + AgentPresence.TimeToReport;
        if (!pod.HasPassed(reportedAt))
            return new(ModulePhase.Prepare,
                $"{what} must be uninstalled first; waiting until agents have reported to this controller")
            { Until = reportedAt };
        if (orphan.IsStuck || orphan.State is BizState.Resolved or BizState.Other)
            return new(ModulePhase.Prepare, $"{what} is stuck in pod {pod.State.Key}: only a restart of this JVM removes it");
        return Remove(pod, ModulePhase.Prepare, orphan, new() { TrafficDrain = drain }, memory);
    }

    public static ModuleStep Remove(BasePodFacts pod, string phase, BizView biz, ModuleSettings settings, BasePodMemory memory)
    {
        var uid = biz.ModuleUid!;
        var drainedAt = TrafficPlanner.DrainedAt(memory.Of(uid), settings.TrafficDrain);
        if (!pod.HasPassed(drainedAt))
            return new(phase, $"waiting for the traffic of {biz.Name}:{biz.Version} to drain") { Until = drainedAt };
        return ModuleStep.Repeat(pod, phase, uid, CommandAction.Uninstall, attempt => new ModuleCommand.Uninstall(
            uid, biz.Name, biz.Version, pod.Life!.Id, attempt, settings.InstallTimeout)
        {
            Before = HookOf(pod, uid, settings.Hooks?.PreUninstall),
            After = HookOf(pod, uid, settings.Hooks?.PostUninstall),
        });
    }

    public static ModuleStep AfterSilence(string phase, DateTimeOffset until) =>
        new(phase, "the base answers again after a silence; waiting to see whether it still carries out earlier commands")
        {
            Until = until,
        };

    // Where another Module replaces it, a hook may hold an uninstall up. Otherwise a failed hook is ignored.
    private static HookCall? HookOf(BasePodFacts pod, string uid, ModuleHook? hook) =>
        HookCall.OfUninstall(hook) is { } call
            ? call with
            {
                IgnoreFailure = call.IgnoreFailure
                || !pod.Modules.Any(other => other.Module.Spec.Replaces == uid && !other.IsDeleting)
            }
            : null;
}
