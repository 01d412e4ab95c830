using ModuleController.Core.Builtin;
using ModuleController.Core.Commands;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;

namespace ModuleController.Core.Rollouts;

/// <summary>What is to be done about one ModuleDeployment, in this order: prepare, write the status, scale.</summary>
public sealed record RolloutPlan
{
    public IReadOnlyList<RolloutStep> Steps { get; init; } = [];

    /// <summary>Null: there is nothing to say any more.</summary>
    public ModuleDeploymentStatus? Status { get; init; }

    /// <summary>Only after the status is written: a batch is announced before it begins.</summary>
    public IReadOnlyList<RolloutStep> StepsAfterStatus { get; init; } = [];

    public IReadOnlyList<PlannedEvent> Events { get; init; } = [];

    /// <summary>A jar is being inspected, or most agents are gone: what agents say matters to this one.</summary>
    public bool AwaitsAgents { get; init; }

    public DateTimeOffset? RequeueAt { get; init; }
}

/// <summary>An Event about the planned object.</summary>
public sealed record PlannedEvent(string Reason, string Message, bool IsWarning = false)
{
    public EventTime Time { get; init; } = EventTime.StatusWritten;
}

/// <summary>When a planned Event is recorded.</summary>
public enum EventTime
{
    /// <summary>The status that no longer plans it is written.</summary>
    StatusWritten,

    /// <summary>All steps of the plan are carried out.</summary>
    StepsDone,

    /// <summary>It is planned for the first time since it was not: it is planned for as long as it is true.</summary>
    Begins,
}

/// <summary>One change; a closed set, carrying one out is one API call (or one command to an agent).</summary>
public abstract record RolloutStep
{
    private RolloutStep() { }

    /// <summary>The fields that differ between the two, finalizers included. Nobody else may have written since it was seen: what
    /// is computed from it, and a verb that is taken away, would be something else by now.</summary>
    public sealed record UpdateDeployment(ModuleDeployment Before, ModuleDeployment After) : RolloutStep;

    public sealed record WriteStatus(ModuleDeployment Deployment, ModuleDeploymentStatus Status) : RolloutStep;

    public sealed record CreateReplicaSet(ModuleReplicaSet ReplicaSet) : RolloutStep;

    public sealed record UpdateReplicaSet(ModuleReplicaSet Before, ModuleReplicaSet After) : RolloutStep;

    /// <summary>Guarded by the version that was observed: one that was orphaned or scaled since is decided on again.</summary>
    public sealed record ScaleReplicaSet(ModuleReplicaSet ReplicaSet, int Replicas) : RolloutStep;

    public sealed record DeleteReplicaSet(ModuleReplicaSet ReplicaSet) : RolloutStep;

    public sealed record CreateService(Service Service) : RolloutStep;

    public sealed record UpdateService(Service Before, Service After) : RolloutStep;

    public sealed record DeleteService(Service Service) : RolloutStep;

    public sealed record Inspect(ObjectKey Pod, string PodUid, ModuleCommand.Inspect Command) : RolloutStep;
}
