using ModuleController.Core.Builtin.Templates;
using ModuleController.Core.Meta;

namespace ModuleController.Core.Builtin;

/// <summary>A pod, as far as we read it.</summary>
public sealed record Pod : IResource
{
    public static ResourceKind Kind { get; } = new("", "v1", "Pod", "pods");

    public ObjectMeta Metadata { get; init => field = value ?? new(); } = new();

    public PodSpec Spec { get; init => field = value ?? new(); } = new();

    public PodStatus Status { get; init => field = value ?? new(); } = new();
}

public sealed record PodSpec
{
    public string? NodeName { get; init; }

    /// <summary>The pod has the address and the ports of its node.</summary>
    public bool HostNetwork { get; init; }

    public IReadOnlyList<PodContainer> Containers { get; init => field = value ?? []; } = [];

    public IReadOnlyList<PodContainer> InitContainers { get; init => field = value ?? []; } = [];

    public IReadOnlyList<PodReadinessGate> ReadinessGates { get; init => field = value ?? []; } = [];
}

public sealed record PodReadinessGate(string ConditionType);

public sealed record PodStatus
{
    public string? Phase { get; init; }

    // The JSON has the acronym in capitals; the naming policy would write podIp.
    [System.Text.Json.Serialization.JsonPropertyName("podIP")]
    public string? PodIp { get; init; }

    public IReadOnlyList<Condition> Conditions { get; init => field = value ?? []; } = [];

    public IReadOnlyList<ContainerStatus> ContainerStatuses { get; init => field = value ?? []; } = [];
}

public sealed record ContainerStatus
{
    public string Name { get; init => field = value ?? ""; } = "";

    public bool Ready { get; init; }

    public int RestartCount { get; init; }

    public ContainerState? State { get; init; }

    public ContainerState? LastState { get; init; }
}

/// <summary>Neither: the container is waiting.</summary>
public sealed record ContainerState
{
    public RunningContainer? Running { get; init; }

    public TerminatedContainer? Terminated { get; init; }

    public sealed record RunningContainer(DateTimeOffset? StartedAt);

    public sealed record TerminatedContainer(DateTimeOffset? StartedAt, DateTimeOffset? FinishedAt);
}
