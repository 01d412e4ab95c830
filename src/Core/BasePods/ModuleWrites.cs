using ModuleController.Core.Meta;
using ModuleController.Core.Modules;

namespace ModuleController.Core.BasePods;

/// <summary>The plans that write one Module's status, or keep the one that is there.</summary>
internal sealed class ModuleWrites(BasePodFacts pod, ModuleFacts module, ModuleMemory memory)
{
    private readonly ModuleStatus _status = module.Module.Status;

    /// <summary>No intermediate state lasts.</summary>
    public ModuleMemory Settled => memory with { Intermediate = null, IntermediateSince = null };

    /// <summary>Nor is an install under way.</summary>
    public ModuleMemory Fresh => Settled with { Installing = null };

    public ModulePlan Keep() => new(_status, memory);

    public ModulePlan Write(ModuleStatus desired)
    {
        var conditions = With(desired.Conditions, ModuleConditions.Scheduled, Condition.True, "Bound", null);
        if (pod.View is { IsConnected: true })
            conditions = With(conditions, ModuleConditions.AgentConnected, Condition.True, "Connected", null);
        return WriteAsUnknown(desired with { Conditions = conditions });
    }

    /// <summary>Without the conditions that are only known of a connected agent.</summary>
    public ModulePlan WriteAsUnknown(ModuleStatus desired)
    {
        desired = desired with
        {
            ObservedGeneration = module.Module.Metadata.Generation,
            LastTransitionTime = desired.Status == _status.Status && !_status.IsInitial
                ? _status.LastTransitionTime
                : ModuleFailures.Seconds(pod.Now),
        };
        return new(_status.HasContentOf(desired) ? _status : desired, memory);
    }

    public ModulePlan WriteIfLasting(string phase, string? message) => _status.Status == phase && _status.Message == message
        ? new(_status, Settled)
        : IfLasting(phase, message, () => Write(_status with { Status = phase, Message = message }));

    /// <summary>An intermediate state is written only when it lasts longer than two seconds.</summary>
    public ModulePlan IfLasting(string phase, string? message, Func<ModulePlan> write)
    {
        var lasting = memory.Intermediate == (phase, message) && memory.IntermediateSince is not null
            ? memory
            : memory with { Intermediate = (phase, message), IntermediateSince = pod.Now };
        var writtenAt = lasting.IntermediateSince + BasePodTimes.Intermediate;
        return pod.HasPassed(writtenAt) ? write() with { Memory = lasting } : new(_status, lasting) { RequeueAt = writtenAt };
    }

    public IReadOnlyList<Condition> Down(string reason, string? message)
    {
        var conditions = _status.Conditions;
        foreach (var type in (string[])[ModuleConditions.Installed, ModuleConditions.Healthy, ModuleConditions.TrafficReady])
            conditions = With(conditions, type, Condition.False, reason, message);
        return conditions;
    }

    public IReadOnlyList<Condition> With(IReadOnlyList<Condition> conditions, string type, string status, string reason, string? message) =>
        conditions.With(new() { Type = type, Status = status, Reason = reason, Message = message }, ModuleFailures.Seconds(pod.Now)!.Value);
}
