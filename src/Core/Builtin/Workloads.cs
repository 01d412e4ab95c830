using ModuleController.Core.Builtin.Templates;
using ModuleController.Core.Meta;

namespace ModuleController.Core.Builtin;

/// <summary>An apps/v1 Deployment, as far as we read it: the base.</summary>
public sealed record Deployment : IResource
{
    public static ResourceKind Kind { get; } = new("apps", "v1", "Deployment", "deployments");

    public ObjectMeta Metadata { get; init => field = value ?? new(); } = new();

    public DeploymentSpec Spec { get; init => field = value ?? new(); } = new();

    public DeploymentStatus Status { get; init => field = value ?? new(); } = new();
}

public sealed record DeploymentStatus
{
    public IReadOnlyList<Condition> Conditions { get; init => field = value ?? []; } = [];
}

public sealed record DeploymentSpec
{
    public int? Replicas { get; init; }

    public LabelSelector Selector { get; init => field = value ?? new(); } = new();

    public PodTemplate Template { get; init => field = value ?? new(); } = new();
}

/// <summary>An apps/v1 ReplicaSet, as far as we read it: which pods are the base's, and which of them are newest.</summary>
public sealed record ReplicaSet : IResource
{
    public static ResourceKind Kind { get; } = new("apps", "v1", "ReplicaSet", "replicasets");

    public ObjectMeta Metadata { get; init => field = value ?? new(); } = new();
}
