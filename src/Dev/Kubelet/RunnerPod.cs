using System.Collections.ObjectModel;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using ModuleController.Core.Meta;

namespace ModuleController.Dev.Kubelet;

/// <summary>A pod with what it takes to run it.</summary>
public sealed record RunnerPod : IResource
{
    public static ResourceKind Kind { get; } = new("", "v1", "Pod", "pods");

    public ObjectMeta Metadata { get; init => field = value ?? new(); } = new();

    public RunnerPodSpec Spec { get; init => field = value ?? new(); } = new();

    public RunnerPodStatus Status { get; init => field = value ?? new(); } = new();
}

public sealed record RunnerPodSpec
{
    public string? NodeName { get; init; }

    public IReadOnlyDictionary<string, string>? NodeSelector { get; init; }

    public bool HostNetwork { get; init; }

    public string? ServiceAccountName { get; init; }

    public string? RestartPolicy { get; init; }

    public long? TerminationGracePeriodSeconds { get; init; }

    public IReadOnlyList<Container> InitContainers { get; init => field = value ?? []; } = [];

    public IReadOnlyList<Container> Containers { get; init => field = value ?? []; } = [];

    public IReadOnlyList<Volume> Volumes { get; init => field = value ?? []; } = [];

    public IReadOnlyList<ReadinessGate> ReadinessGates { get; init => field = value ?? []; } = [];
}

public sealed record ReadinessGate(string ConditionType);

public sealed record RunnerPodStatus
{
    public string? Phase { get; init; }

    public IReadOnlyList<Condition> Conditions { get; init => field = value ?? []; } = [];
}

public sealed record Container
{
    public string Name { get; init => field = value ?? ""; } = "";

    public string Image { get; init => field = value ?? ""; } = "";

    public IReadOnlyList<string> Command { get; init => field = value ?? []; } = [];

    public IReadOnlyList<string> Args { get; init => field = value ?? []; } = [];

    public IReadOnlyList<EnvVar> Env { get; init => field = value ?? []; } = [];

    public IReadOnlyList<JsonElement>? EnvFrom { get; init; }

    public IReadOnlyList<ContainerPort> Ports { get; init => field = value ?? []; } = [];

    public IReadOnlyList<VolumeMount> VolumeMounts { get; init => field = value ?? []; } = [];

    public Probe? ReadinessProbe { get; init; }

    public Probe? LivenessProbe { get; init; }

    public Probe? StartupProbe { get; init; }

    /// <summary>Always on an init container makes it a sidecar.</summary>
    public string? RestartPolicy { get; init; }
}

public sealed record EnvVar(string Name, string? Value = null, EnvVarSource? ValueFrom = null);

public sealed record EnvVarSource(FieldRef? FieldRef = null);

public sealed record FieldRef(string FieldPath);

public sealed record ContainerPort(int Port = 0, string? Name = null)
{
    [JsonPropertyName("containerPort")]
    public int Port { get; init; } = Port;
}

public sealed record VolumeMount(string Name, string MountPath, string? SubPath = null);

/// <summary>A probe; periods in seconds with Kubernetes' defaults.</summary>
public sealed record Probe
{
    public HttpGet? HttpGet { get; init; }

    public TcpSocket? TcpSocket { get; init; }

    public ExecAction? Exec { get; init; }

    public int? InitialDelaySeconds { get; init; }

    public int? PeriodSeconds { get; init; }

    public int? TimeoutSeconds { get; init; }

    public int? FailureThreshold { get; init; }

    public int? SuccessThreshold { get; init; }
}

/// <summary>The port is a number or the name of a container port.</summary>
public sealed record HttpGet(JsonElement Port, string? Path = null, string? Host = null);

public sealed record TcpSocket(JsonElement Port, string? Host = null);

public sealed record ExecAction(IReadOnlyList<string>? Command = null);

/// <summary>An object whose entries are files of a volume.</summary>
internal interface IFiles : IResource
{
    IReadOnlyDictionary<string, byte[]> Files { get; }
}

/// <summary>The entries of a ConfigMap, text and binary.</summary>
public sealed record RunnerConfigMap : IFiles
{
    public static ResourceKind Kind { get; } = new("", "v1", "ConfigMap", "configmaps");

    public ObjectMeta Metadata { get; init => field = value ?? new(); } = new();

    public IReadOnlyDictionary<string, string> Data { get; init => field = value ?? ReadOnlyDictionary<string, string>.Empty; } =
        ReadOnlyDictionary<string, string>.Empty;

    public IReadOnlyDictionary<string, byte[]> BinaryData { get; init => field = value ?? ReadOnlyDictionary<string, byte[]>.Empty; } =
        ReadOnlyDictionary<string, byte[]>.Empty;

    IReadOnlyDictionary<string, byte[]> IFiles.Files => BinaryData
        .Concat(Data.Select(pair => KeyValuePair.Create(pair.Key, Encoding.UTF8.GetBytes(pair.Value)))).ToDictionary();
}

/// <summary>A Secret's data.</summary>
public sealed record RunnerSecret : IFiles
{
    public static ResourceKind Kind { get; } = new("", "v1", "Secret", "secrets");

    public ObjectMeta Metadata { get; init => field = value ?? new(); } = new();

    public IReadOnlyDictionary<string, byte[]> Data { get; init => field = value ?? ReadOnlyDictionary<string, byte[]>.Empty; } =
        ReadOnlyDictionary<string, byte[]>.Empty;

    IReadOnlyDictionary<string, byte[]> IFiles.Files => Data;
}

/// <summary>Whom tokens are made for.</summary>
public sealed record RunnerServiceAccount : IResource
{
    public static ResourceKind Kind { get; } = new("", "v1", "ServiceAccount", "serviceaccounts");

    public ObjectMeta Metadata { get; init => field = value ?? new(); } = new();
}

/// <summary>Generated readers and writers of the kinds that the kubelet and the small controllers handle.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    Converters = [typeof(KubeTimeConverter)])]
[JsonSerializable(typeof(RunnerPod))]
[JsonSerializable(typeof(RunnerConfigMap))]
[JsonSerializable(typeof(RunnerSecret))]
[JsonSerializable(typeof(RunnerServiceAccount))]
[JsonSerializable(typeof(IReadOnlyList<Container>))]
public sealed partial class KubeletJson : JsonSerializerContext;
