using ModuleController.Core.Meta;

namespace ModuleController.Core.Builtin;

/// <summary>The fields of a node that placement reads.</summary>
public sealed record Node : IResource
{
    public static ResourceKind Kind { get; } = new("", "v1", "Node", "nodes", IsNamespaced: false);

    public ObjectMeta Metadata { get; init => field = value ?? new(); } = new();

    public NodeSpec Spec { get; init => field = value ?? new(); } = new();

    public NodeStatus Status { get; init => field = value ?? new(); } = new();
}

public sealed record NodeSpec
{
    public bool? Unschedulable { get; init; }
}

public sealed record NodeStatus
{
    public IReadOnlyList<Condition> Conditions { get; init => field = value ?? []; } = [];
}

/// <summary>A namespace: nothing is created in one that terminates.</summary>
public sealed record Namespace : IResource
{
    public static ResourceKind Kind { get; } = new("", "v1", "Namespace", "namespaces", IsNamespaced: false);

    public ObjectMeta Metadata { get; init => field = value ?? new(); } = new();
}
