using System.Collections.Immutable;
using ModuleController.Core.Agents;
using ModuleController.Core.Commands;
using ModuleController.Core.Modules;

namespace ModuleController.Core.BasePods;

/// <summary>Decides for one base pod: its labels, the state of each of its Modules, its readiness gate, and the next command.</summary>
/// <remarks>
/// At most one command at a time that calls Arklet, and none to a base whose view is not current. What is Available has its label. Nothing
/// is uninstalled before its traffic has run dry. The same state gives the same plan, and the plan on its own result is empty.
/// </remarks>
public static class BasePodPlanner
{
    public static BasePodPlan Plan(BasePodState state, DateTimeOffset now)
    {
        var pod = new BasePodFacts(state, now);
        var memory = Remember(pod);
        var events = new List<BasePodEvent>();
        var finalizers = new List<FinalizerRemoval>();
        var changes = new List<ModuleStatusChange>();
        var wanted = new Dictionary<string, ModuleStatus>(StringComparer.Ordinal);
        var modules = memory.Modules.ToBuilder();

        foreach (var module in pod.Modules)
        {
            if (FinalizerPlanner.Plan(pod, module, memory, events) is { } removal)
            {
                finalizers.Add(removal);
                continue;
            }

            var remembered = memory.Of(module.Uid);
            var status = ModuleStatusPlanner.Plan(pod, module, memory, ref remembered, events);
            wanted[module.Uid] = status;
            modules[module.Uid] = remembered;
            if (!ReferenceEquals(status, module.Module.Status)) changes.Add(new(module.Module, status));
        }

        if (pod.IsForeignBase || pod.IsUndecidedBase) events.Add(new(null, Reasons.ForeignBase, pod.View!.Shared!.Message));
        memory = Report(pod, memory with { Modules = modules.ToImmutable() }, events);
        var gate = GatePlanner.Plan(pod, wanted, ref memory, events);
        return new()
        {
            Labels = TrafficPlanner.Labels(pod, TrafficPlanner.Served(pod)),
            Statuses = changes,
            Gate = gate,
            Finalizers = finalizers,
            Commands = NextCommands(pod, wanted, memory),
            DeletesPod = PodDeletion.IsDue(pod),
            // Nothing can be created in a namespace that terminates, not even an Event.
            Events = state.IsNamespaceTerminating ? [] : events,
            RequeueAt = pod.RequeueAt,
            Memory = memory,
        };
    }

    // First what has to go, then what has to come, in order; last what nobody waits for.
    private static IReadOnlyList<ModuleCommand> NextCommands(
        BasePodFacts pod, Dictionary<string, ModuleStatus> wanted, BasePodMemory memory)
    {
        if (pod.Current is null) return [];
        var going = pod.Modules.Where(module => module.IsDeleting);
        var coming = pod.Modules.Where(module => !module.IsDeleting)
            .OrderBy(module => !module.HasLived && wanted[module.Uid].LastError?.Reason == nameof(FailureReason.BaseDied));
        var steps = going.Concat(coming).Where(module => wanted.ContainsKey(module.Uid))
            .Select(module => ModuleSteps.Next(pod, module, wanted[module.Uid], memory))
            .Concat(pod.Orphans.Select(orphan => ModuleSteps.OfOrphan(pod, orphan, memory)))
            .ToList();
        return [.. steps.OfType<ModuleStep.Send>().Select(step => step.Command).Where(command => !pod.MustWait(command))];
    }

    private static BasePodMemory Remember(BasePodFacts pod)
    {
        var old = pod.State.Memory;
        var modules = ImmutableDictionary.CreateBuilder<string, ModuleMemory>(StringComparer.Ordinal);
        foreach (var module in pod.Modules)
        {
            var followed = TrafficPlanner.Follow(pod, old.Of(module.Uid), module.Uid, module.Name, module.IsInEndpoints);
            var isInHook = pod.InHooks.Any(running => CommandId.Parse(running.CommandId)?.ModuleUid == module.Uid);
            modules[module.Uid] = followed with
            {
                Installing = IsOver(pod, followed.Installing) ? null : followed.Installing,
                InHookSince = isInHook ? followed.InHookSince ?? pod.Now : null,
            };
        }

        foreach (var orphan in pod.Orphans)
        {
            var isInEndpoints = pod.Here(orphan.Name).Any(module => module.IsInEndpoints);
            var followed = TrafficPlanner.Follow(pod, old.Of(orphan.ModuleUid!), orphan.ModuleUid!, orphan.Name, isInEndpoints);
            modules[orphan.ModuleUid!] = followed with { OrphanSince = followed.OrphanSince ?? pod.Now };
        }

        return old with
        {
            SilentSince = SilentSince(pod),
            DownSince = DownSince(pod),
            Modules = modules.ToImmutable(),
            Commands = pod.BeginOfCommands(),
        };
    }

    private static DateTimeOffset? SilentSince(BasePodFacts pod)
    {
        if (!pod.IsLiving || pod.Current is { IsFenced: false }) return null;
        if (pod.State.Memory.SilentSince is { } since) return since;
        return pod.View is null ? pod.AcceptingSince : pod.View.IsConnected ? pod.Now : pod.View.LastHeard;
    }

    private static DateTimeOffset? DownSince(BasePodFacts pod) => pod.View switch
    {
        { IsConnected: true, State: BaseState.Down } => pod.State.Memory.DownSince ?? pod.Now,
        { IsCurrent: true } => null,
        _ => pod.State.Memory.DownSince,
    };

    // An install that failed while the life went on is not what ended it. One that got no answer may be: for a minute.
    private static bool IsOver(BasePodFacts pod, InstallUnderWay? install) =>
        install is not null && pod.View?.Answers.GetValueOrDefault(install.CommandId) is
        { Outcome: not CommandOutcome.Succeeded } answer
        && (answer.Reason != FailureReason.ArkletUnreachable || pod.IsDue(answer.ReceivedAt + BasePodTimes.Suspicious));

    // Once for each base life, as far as this process remembers.
    private static BasePodMemory Report(BasePodFacts pod, BasePodMemory memory, List<BasePodEvent> events)
    {
        if (pod.Current is not { } view) return memory;
        var reported = memory.Reported.ToBuilder();
        foreach (var biz in view.Biz)
        {
            var what = $"{biz.Name}:{biz.Version}";
            if (biz.ModuleUid is { Length: > 0 } ? biz is not { IsStuck: true, State: not BizState.Activated } : !IsNews(pod, biz)) continue;
            if (!reported.Add($"{pod.Life!.Id}/{what}/{biz.IsStuck}")) continue;
            events.Add(biz.ModuleUid is { Length: > 0 }
                ? new(null, "NeedsRestart", $"{what} in pod {pod.State.Key} is stuck: only a restart of the base helps; other modules go on")
                : new(pod.Here(biz.Name).First().Module, nameof(FailureReason.ForeignBiz),
                    $"{what} in pod {pod.State.Key} was not installed by us; it is left alone"));
        }

        return memory with { Reported = reported.ToImmutable() };
    }

    // Foreign beside a Module of another version; where name and version agree, it is adopted.
    private static bool IsNews(BasePodFacts pod, BizView biz) =>
        pod.Here(biz.Name).Any() && !pod.Here(biz.Name).Any(module => module.Version == biz.Version && !module.IsDeleting);
}
