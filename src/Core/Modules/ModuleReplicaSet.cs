using ModuleController.Core.Meta;

namespace ModuleController.Core.Modules;

/// <summary>The Modules of one revision; its <c>spec.replicas</c> is the goal of the current batch.</summary>
public sealed record ModuleReplicaSet : IResource
{
    public static ResourceKind Kind { get; } = new(Group.Name, Group.Version, "ModuleReplicaSet", "modulereplicasets");

    public ObjectMeta Metadata { get; init => field = value ?? new(); } = new();

    public ModuleReplicaSetSpec Spec { get; init => field = value ?? new(); } = new();

    public ModuleReplicaSetStatus Status { get; init => field = value ?? new(); } = new();
}

public sealed record ModuleReplicaSetSpec
{
    public int Replicas { get; init; }

    public int? MinReadySeconds { get; init; }

    public LabelSelector? Selector { get; init; }

    public ModuleTemplateSpec Template { get; init => field = value ?? new(); } = new();

    public OperationStrategy? OperationStrategy { get; init; }

    public SchedulingStrategy? SchedulingStrategy { get; init; }
}

public sealed record ModuleReplicaSetStatus
{
    public int? Replicas { get; init; }

    public int? ReadyReplicas { get; init; }

    public int? AvailableReplicas { get; init; }

    public long? ObservedGeneration { get; init; }

    /// <summary>Selector of its Modules, for the scale subresource.</summary>
    public string? Selector { get; init; }

    public IReadOnlyList<Condition> Conditions { get; init => field = value ?? []; } = [];
}
