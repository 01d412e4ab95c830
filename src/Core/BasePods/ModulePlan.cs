using ModuleController.Core.Commands;
using ModuleController.Core.Modules;

namespace ModuleController.Core.BasePods;

/// <summary>What one Module on a base pod should report, and what is done for it next.</summary>
/// <param name="Status">The one that is there, if nothing has to change.</param>
internal sealed record ModulePlan(ModuleStatus Status, ModuleMemory Memory)
{
    public ModuleCommand? Command { get; init; }

    /// <summary>When the passing of time alone changes the plan.</summary>
    public DateTimeOffset? RequeueAt { get; init; }

    public IReadOnlyList<BasePodEvent> Events { get; init; } = [];

    public ModulePlan With(ModuleStep step) => this with { Command = step.Command, RequeueAt = new[] { RequeueAt, step.Until }.Min() };
}
