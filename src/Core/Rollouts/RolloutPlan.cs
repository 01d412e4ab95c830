using ModuleController.Core.Builtin;
using ModuleController.Core.Commands;
using ModuleController.Core.Execution;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;

namespace ModuleController.Core.Rollouts;

/// <summary>The next step of a ModuleDeployment, carried out in this order: steps, status, steps after it.</summary>
public sealed record RolloutPlan
{
    public IReadOnlyList<RolloutStep> Steps { get; init; } = [];

    /// <summary>Null: it is not written.</summary>
    public ModuleDeploymentStatus? Status { get; init; }

    /// <summary>Carried out when the status is written: it shows a batch before the batch begins.</summary>
    public IReadOnlyList<RolloutStep> StepsAfterStatus { get; init; } = [];

    public IReadOnlyList<PlannedEvent> Events { get; init; } = [];

    /// <summary>A jar is being inspected, or most agents are disconnected: messages of agents trigger a reconcile.</summary>
    public bool AwaitsAgents { get; init; }

    public DateTimeOffset? RequeueAt { get; init; }
}

/// <summary>One change of a plan: one API call, or one command to an agent.</summary>
public abstract record RolloutStep
{
    private RolloutStep() { }

    /// <summary>Patches the fields that differ, finalizers included. Guarded by the observed version.</summary>
    public sealed record UpdateDeployment(ModuleDeployment Before, ModuleDeployment After) : RolloutStep;

    public sealed record WriteStatus(ModuleDeployment Deployment, ModuleDeploymentStatus Status) : RolloutStep;

    public sealed record CreateReplicaSet(ModuleReplicaSet ReplicaSet) : RolloutStep;

    public sealed record UpdateReplicaSet(ModuleReplicaSet Before, ModuleReplicaSet After) : RolloutStep;

    /// <summary>Guarded by the observed version: a ReplicaSet that was orphaned or scaled since then is planned again.</summary>
    public sealed record ScaleReplicaSet(ModuleReplicaSet ReplicaSet, int Replicas) : RolloutStep;

    public sealed record DeleteReplicaSet(ModuleReplicaSet ReplicaSet) : RolloutStep;

    public sealed record CreateService(Service Service) : RolloutStep;

    public sealed record UpdateService(Service Before, Service After) : RolloutStep;

    public sealed record DeleteService(Service Service) : RolloutStep;

    public sealed record Inspect(ObjectKey Pod, string PodUid, ModuleCommand.Inspect Command) : RolloutStep;
}
