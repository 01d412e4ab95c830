using ModuleController.Core.Meta;
using ModuleController.Core.Modules;

namespace ModuleController.Core.BasePods;

/// <summary>Completes the status of a Module with what is always true, and compares statuses by content.</summary>
public static class ModuleStatuses
{
    // A record compares its lists by reference.
    public static bool AreEqual(ModuleStatus left, ModuleStatus right) =>
        left.Conditions.SequenceEqual(right.Conditions) && left == right with { Conditions = left.Conditions };

    internal static ModuleStatus Complete(BasePodFacts pod, Module module, ModuleStatus desired)
    {
        var conditions = With(pod, desired.Conditions, ModuleConditions.Scheduled, Condition.True, "Bound", null);
        if (pod.View is { IsConnected: true })
            conditions = With(pod, conditions, ModuleConditions.AgentConnected, Condition.True, "Connected", null);
        return Stamp(pod, module, desired with { Conditions = conditions });
    }

    /// <returns>The status that is there, if nothing differs.</returns>
    internal static ModuleStatus Stamp(BasePodFacts pod, Module module, ModuleStatus desired)
    {
        var status = module.Status;
        desired = desired with
        {
            ObservedGeneration = module.Metadata.Generation,
            LastTransitionTime = desired.Status == status.Status && !status.IsInitial
                ? status.LastTransitionTime
                : ModuleFailures.Seconds(pod.Now),
        };
        return AreEqual(status, desired) ? status : desired;
    }

    internal static IReadOnlyList<Condition> Down(BasePodFacts pod, ModuleStatus status, string reason, string? message)
    {
        var conditions = status.Conditions;
        foreach (var type in (string[])[ModuleConditions.Installed, ModuleConditions.Healthy, ModuleConditions.TrafficReady])
            conditions = With(pod, conditions, type, Condition.False, reason, message);
        return conditions;
    }

    internal static IReadOnlyList<Condition> With(
        BasePodFacts pod, IReadOnlyList<Condition> conditions, string type, string status, string reason, string? message) =>
        conditions.With(new() { Type = type, Status = status, Reason = reason, Message = message }, ModuleFailures.Seconds(pod.Now)!.Value);
}
