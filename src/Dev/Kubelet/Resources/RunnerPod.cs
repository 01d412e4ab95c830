using System.Text.Json;
using System.Text.Json.Serialization;
using ModuleController.Core.Meta;

namespace ModuleController.Dev.Kubelet.Resources;

/// <summary>A pod with the fields that are needed to run it.</summary>
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
