using ModuleController.Core.Agents;
using ModuleController.Core.Commands;

namespace ModuleController.Core.BasePods;

/// <summary>Which modules a base pod serves, the labels that report them, and when a module's traffic is drained.</summary>
/// <remarks>
/// Labels go by module name: one stays while any Module of that name serves, so an install-then-uninstall upgrade keeps it.
/// Up: the label first, then Available. Down: the label first, then the drain, then the uninstall.
/// </remarks>
internal static class TrafficPlanner
{
    /// <summary>After so many failed switches an old version is no longer held in traffic for the one that should follow it.</summary>
    private const int SwitchesToWaitFor = 3;

    /// <summary>The names of the modules that this pod serves, or must be taken to serve while nothing is known.</summary>
    public static IReadOnlySet<string> Served(BasePodFacts pod)
    {
        var served = new SortedSet<string>(StringComparer.Ordinal);
        if (!pod.IsLiving || pod.State.IsReleased || pod.IsForeignBase) return served;
        foreach (var module in pod.Modules)
            if (module.IsHere && !module.IsDeleting && (Serves(pod, module) || IsHeld(pod, module))) served.Add(module.Name);
        return served;
    }

    /// <summary>The labels to change, so that the pod carries those of what it serves and no others of ours.</summary>
    public static IReadOnlyDictionary<string, string?> Labels(BasePodFacts pod, IReadOnlySet<string> served)
    {
        var changes = new SortedDictionary<string, string?>(StringComparer.Ordinal);
        if (pod.State.Pod is not { } target) return changes;
        var labels = target.Metadata.Labels;
        foreach (var (key, _) in labels)
            if (key.StartsWith(Modules.Names.Labels.TrafficPrefix, StringComparison.Ordinal)
                && !served.Contains(key[Modules.Names.Labels.TrafficPrefix.Length..])) changes[key] = null;
        foreach (var name in served)
            if (labels.GetValueOrDefault(Modules.Names.Labels.Traffic(name)) != "true") changes[
                Modules.Names.Labels.Traffic(name)] = "true";

        // The count changes with the traffic labels and travels with them; a pod that never had modules has none.
        var count = served.Count.ToString(System.Globalization.CultureInfo.InvariantCulture);
        var counted = labels.GetValueOrDefault(Modules.Names.Labels.ModuleInstanceCount);
        if (counted != count && (counted is not null || served.Count > 0)) changes[Modules.Names.Labels.ModuleInstanceCount] = count;
        return changes;
    }

    /// <summary>No traffic for this name reaches the pod on behalf of this Module: none at all, or another one takes it.</summary>
    public static bool IsUnlabelled(BasePodFacts pod, string moduleUid, string name) =>
        pod.State.Pod?.Metadata.Labels.ContainsKey(Modules.Names.Labels.Traffic(name)) != true || IsTakenOver(pod, moduleUid, name);

    /// <summary>
    /// When the module may be uninstalled as far as traffic goes: the label is removed, the pod has left the endpoints (for which it
    /// waits a minute at most), and the drain's seconds have passed. Null: not known yet.
    /// </summary>
    public static DateTimeOffset? DrainedAt(ModuleMemory memory, TimeSpan drain) => memory.QuietSince + drain;

    /// <summary>When endpoints that still hold the pod are not waited for any longer.</summary>
    public static DateTimeOffset? QuietAt(ModuleMemory memory) =>
        memory.QuietSince is null ? memory.UnlabelledSince + BasePodTimes.EndpointsLeave : null;

    /// <summary>Follows the drain of one module: what was first observed when.</summary>
    public static ModuleMemory Follow(BasePodFacts pod, ModuleMemory memory, string moduleUid, string name, bool isInEndpoints)
    {
        if (!IsUnlabelled(pod, moduleUid, name)) return memory with { UnlabelledSince = null, QuietSince = null };
        var unlabelled = memory.UnlabelledSince ?? pod.Now;
        var isOut = !isInEndpoints || IsTakenOver(pod, moduleUid, name) || pod.HasPassed(unlabelled + BasePodTimes.EndpointsLeave);
        return memory with { UnlabelledSince = unlabelled, QuietSince = isOut ? memory.QuietSince ?? pod.Now : null };
    }

    private static bool IsTakenOver(BasePodFacts pod, string moduleUid, string name) =>
        !pod.State.IsReleased
        && pod.Here(name).Any(other => other.Uid != moduleUid && !other.IsDeleting && pod.Current is not null && Serves(pod, other));

    // While the view is not current, what was true stays true: but a base that is down serves no requests, and a new life has
    // none of the old one's modules.
    private static bool Serves(BasePodFacts pod, ModuleFacts module)
    {
        if (pod.Current is not null) return module.IsInstalled;
        if (pod.IsBaseDown) return false;
        if (pod.Life is { } life && module.Module.Status.BaseLife is { } of && of != life.Id) return false;
        return module.Module.IsAvailable
            || pod.State.Pod!.Metadata.Labels.ContainsKey(Modules.Names.Labels.Traffic(module.Name));
    }

    // The new one went before it was switched away from (an undo): the old one will be switched back to, and until then the new one
    // answers.
    private static bool IsHeld(BasePodFacts pod, ModuleFacts module) =>
        module.Own is { State: BizState.Deactivated }
        && pod.State.Pod!.Metadata.Labels.ContainsKey(Modules.Names.Labels.Traffic(module.Name))
        && module.OtherVersions.Any(other => other.State == BizState.Activated)
        && pod.History.LastAttempt(module.Uid, CommandAction.Switch)
            is not { Number: >= SwitchesToWaitFor, Outcome: not CommandOutcome.Succeeded };
}
