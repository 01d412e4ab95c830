using System.Text.Json;
using System.Text.Json.Serialization;
using ModuleController.Core.Builtin;
using ModuleController.Core.Meta;

namespace ModuleController.Dev.Controllers;

/// <summary>A Deployment with the fields that its controller needs; the template is not parsed.</summary>
public sealed record ClusterDeployment : IResource
{
    public static ResourceKind Kind => Deployment.Kind;

    public ObjectMeta Metadata { get; init => field = value ?? new(); } = new();

    public ClusterDeploymentSpec Spec { get; init => field = value ?? new(); } = new();

    public JsonElement? Status { get; init; }
}

public sealed record ClusterDeploymentSpec
{
    public int? Replicas { get; init; }

    public LabelSelector Selector { get; init => field = value ?? new(); } = new();

    public JsonElement Template { get; init; }

    public bool? Paused { get; init; }

    public int? RevisionHistoryLimit { get; init; }

    public int? MinReadySeconds { get; init; }

    public DeploymentStrategy? Strategy { get; init; }
}

public sealed record DeploymentStrategy(string? Type = null, RollingUpdate? RollingUpdate = null);

public sealed record RollingUpdate(IntOrPercent? MaxSurge = null, IntOrPercent? MaxUnavailable = null);

/// <summary>A ReplicaSet with the fields that its controller needs.</summary>
public sealed record ClusterReplicaSet : IResource
{
    public static ResourceKind Kind => ReplicaSet.Kind;

    public ObjectMeta Metadata { get; init => field = value ?? new(); } = new();

    public ClusterReplicaSetSpec Spec { get; init => field = value ?? new(); } = new();

    public ClusterReplicaSetStatus? Status { get; init; }
}

public sealed record ClusterReplicaSetSpec
{
    public int? Replicas { get; init; }

    public int? MinReadySeconds { get; init; }

    public LabelSelector Selector { get; init => field = value ?? new(); } = new();

    public JsonElement Template { get; init; }
}

public sealed record ClusterReplicaSetStatus(
    int Replicas = 0, int? ReadyReplicas = null, int? AvailableReplicas = null, int? FullyLabeledReplicas = null,
    long? ObservedGeneration = null);

/// <summary>A pod with the fields that a ReplicaSet needs.</summary>
public sealed record ClusterPod : IResource
{
    public static ResourceKind Kind => Pod.Kind;

    public ObjectMeta Metadata { get; init => field = value ?? new(); } = new();

    public JsonElement Spec { get; init; }

    public PodStatus Status { get; init => field = value ?? new(); } = new();
}

/// <summary>A container's ports, which a Service may name.</summary>
public sealed record ClusterContainer(IReadOnlyList<ClusterPort>? Ports = null);

public sealed record ClusterPort(int ContainerPort = 0, string? Name = null);

/// <summary>Generated readers and writers of the kinds above.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    Converters = [typeof(KubeTimeConverter)])]
[JsonSerializable(typeof(ClusterDeployment))]
[JsonSerializable(typeof(ClusterReplicaSet))]
[JsonSerializable(typeof(ClusterPod))]
[JsonSerializable(typeof(IReadOnlyList<ClusterContainer>))]
public sealed partial class ClusterJson : JsonSerializerContext;
