using System.Collections.Immutable;
using ModuleController.Core.Agents;
using ModuleController.Core.BasePods.Gates;
using ModuleController.Core.Commands;
using ModuleController.Core.Modules.Names;

namespace ModuleController.Core.BasePods;

/// <summary>Decides for one base pod: its labels, the state of each of its Modules, its readiness gate, and the next command.</summary>
/// <remarks>
/// At most one command at a time that calls Arklet, and none to a base whose view is not current. What is Available has its label. Nothing
/// is uninstalled before its traffic is drained. The same state gives the same plan, and the plan on its own result is empty.
/// </remarks>
public static class BasePodPlanner
{
    public static BasePodPlan Plan(BasePodState state, DateTimeOffset now)
    {
        var pod = new BasePodFacts(state, now);
        var memory = Remember(pod);
        var events = new List<BasePodEvent>();
        var finalizers = new List<FinalizerRemoval>();
        var plans = new List<(ModuleFacts Module, ModulePlan Plan)>();
        foreach (var module in pod.Modules)
        {
            if (FinalizerPlanner.Plan(pod, module, memory, events) is { } removal) finalizers.Add(removal);
            else plans.Add((module, new ModulePlanner(pod, module, memory).Plan()));
        }

        events.AddRange(plans.SelectMany(item => item.Plan.Events));
        if (pod.IsForeignBase || pod.IsUndecidedBase) events.Add(new(null, Reasons.ForeignBase, pod.View!.Shared!.Message));
        memory = memory with
        {
            Modules = memory.Modules.SetItems(plans.Select(item => KeyValuePair.Create(item.Module.Uid, item.Plan.Memory)))
        };
        memory = Report(pod, memory, events);
        var orphans = pod.Orphans.Select(orphan => UninstallSteps.OfOrphan(pod, orphan, memory)).ToList();
        var gate = GatePlanner.Plan(pod, plans.ToDictionary(item => item.Module.Uid, item => item.Plan.Status), memory);
        return new()
        {
            Labels = TrafficPlanner.Labels(pod, TrafficPlanner.Served(pod)),
            Statuses =
            [
                .. plans.Where(item => !ReferenceEquals(item.Plan.Status, item.Module.Module.Status))
                    .Select(item => new ModuleStatusChange(item.Module.Module, item.Plan.Status)),
            ],
            Gate = gate.Condition,
            Finalizers = finalizers,
            Commands = NextCommands(pod, plans, orphans),
            DeletesPod = PodDeletion.IsDue(pod),
            // Nothing can be created in a namespace that terminates, not even an Event.
            Events = state.IsNamespaceTerminating ? [] : [.. events, .. gate.Events],
            RequeueAt = plans.Select(item => item.Plan.RequeueAt).Concat(orphans.Select(step => step.Until))
                .Concat(TimesIn(pod, memory)).Append(pod.ChangesAt).Append(gate.RequeueAt).Where(at => at > now).Min(),
            Memory = gate.Memory,
        };
    }

    // Uninstalls first, then installs in order; last what no Module waits for.
    private static IReadOnlyList<ModuleCommand> NextCommands(
        BasePodFacts pod, IReadOnlyList<(ModuleFacts Module, ModulePlan Plan)> plans, IReadOnlyList<ModuleStep> orphans)
    {
        var installs = plans.Where(item => !item.Module.IsDeleting)
            .OrderBy(item => !item.Module.HasLived && item.Plan.Status.LastError?.Reason == nameof(FailureReason.BaseDied));
        return
        [
            .. plans.Where(item => item.Module.IsDeleting).Concat(installs).Select(item => item.Plan.Command)
                .Concat(orphans.Select(step => step.Command)).OfType<ModuleCommand>().Where(command => !pod.Commands.MustWait(command)),
        ];
    }

    /// <summary>The times at which something remembered leads to another plan.</summary>
    private static IEnumerable<DateTimeOffset?> TimesIn(BasePodFacts pod, BasePodMemory memory)
    {
        foreach (var remembered in memory.Modules.Values)
        {
            yield return TrafficPlanner.QuietAt(remembered);
            yield return ForgottenAt(pod, remembered.Installing);
        }

        if (pod.Modules.Any(module => module is { IsDeleting: true, IsHere: true })) yield return memory.SilentSince
            + BasePodTimes.SilenceToRemove;
    }

    private static BasePodMemory Remember(BasePodFacts pod)
    {
        var old = pod.State.Memory;
        var modules = ImmutableDictionary.CreateBuilder<string, ModuleMemory>(StringComparer.Ordinal);
        foreach (var module in pod.Modules)
        {
            var followed = TrafficPlanner.Follow(pod, old.Of(module.Uid), module.Uid, module.Name, module.IsInEndpoints);
            modules[module.Uid] = followed with
            {
                Installing = pod.HasPassed(ForgottenAt(pod, followed.Installing)) ? null : followed.Installing,
                InHookSince = pod.Commands.IsInHook(module.Uid) ? followed.InHookSince ?? pod.Now : null,
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
            Commands = pod.Commands.Since,
        };
    }

    private static DateTimeOffset? SilentSince(BasePodFacts pod)
    {
        if (!pod.IsLiving || pod.Current is { IsFenced: false }) return null;
        if (pod.State.Memory.SilentSince is { } since) return since;
        return pod.View is null ? pod.AcceptingSince : pod.View.IsConnected ? pod.Now : pod.View.LastMessageAt;
    }

    private static DateTimeOffset? DownSince(BasePodFacts pod) => pod.View switch
    {
        { IsConnected: true, State: BaseState.Down } => pod.State.Memory.DownSince ?? pod.Now,
        { IsCurrent: true } => null,
        _ => pod.State.Memory.DownSince,
    };

    // An install that failed while the life went on did not end it. One without an answer may have: for a minute.
    private static DateTimeOffset? ForgottenAt(BasePodFacts pod, CommandId? install) =>
        install is not null && pod.View?.Answers.GetValueOrDefault(install.ToString()) is { Outcome: not CommandOutcome.Succeeded } answer
            ? answer.ReceivedAt + (answer.Reason == FailureReason.ArkletUnreachable ? BasePodTimes.Suspicious : TimeSpan.Zero)
            : null;

    // Once for each base life, as far as this process remembers.
    private static BasePodMemory Report(BasePodFacts pod, BasePodMemory memory, List<BasePodEvent> events)
    {
        if (pod.Current is not { } view) return memory;
        var reported = memory.Reported.ToBuilder();
        foreach (var biz in view.Biz)
        {
            var what = $"{biz.Name}:{biz.Version}";
            if (biz.ModuleUid is { Length: > 0 }
                ? biz is not { IsStuck: true, State: not BizState.Activated } : !IsNews(pod, biz)) continue;
            if (!reported.Add($"{pod.Life!.Id}/{what}/{biz.IsStuck}")) continue;
            events.Add(biz.ModuleUid is { Length: > 0 }
                ? new(null, "NeedsRestart",
                    $"{what} in pod {pod.State.Key} is stuck: only a restart of this JVM removes it; other modules are not affected")
                : new(pod.Here(biz.Name).First().Module, nameof(FailureReason.ForeignBiz),
                    $"{what} in pod {pod.State.Key} was not installed by us; it is left alone"));
        }

        return memory with { Reported = reported.ToImmutable() };
    }

    // Foreign beside a Module of another version; where name and version agree, it is adopted.
    private static bool IsNews(BasePodFacts pod, BizView biz) =>
        pod.Here(biz.Name).Any() && !pod.Here(biz.Name).Any(module => module.Version == biz.Version && !module.IsDeleting);
}
