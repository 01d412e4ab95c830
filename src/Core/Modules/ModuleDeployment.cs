using System.Text.Json.Serialization;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules.Names;

namespace ModuleController.Core.Modules;

/// <summary>To modules what a Deployment is to pods.</summary>
public sealed record ModuleDeployment : IResource
{
    public static ResourceKind Kind { get; } = new(Group.Name, Group.Version, "ModuleDeployment", "moduledeployments");

    public ObjectMeta Metadata { get; init => field = value ?? new(); } = new();

    public ModuleDeploymentSpec Spec { get; init => field = value ?? new(); } = new();

    public ModuleDeploymentStatus Status { get; init => field = value ?? new(); } = new();
}

/// <summary>The API group of all our kinds.</summary>
public static class Group
{
    public const string Name = "koupleless.io";
    public const string Version = "v1alpha1";
}

public sealed record ModuleDeploymentSpec
{
    public string BaseDeploymentName { get; init => field = value ?? ""; } = "";

    public ModuleTemplateSpec Template { get; init => field = value ?? new(); } = new();

    /// <summary>−1 is one on every base pod. Absent: the number that was last observed, and 0 where there is none.</summary>
    public int? Replicas { get; init; }

    /// <summary>What the scale subresource reads and writes.</summary>
    public int? ScaleReplicas { get; init; }

    public int? MinReadySeconds { get; init; }

    public int? RevisionHistoryLimit { get; init; }

    public int? ProgressDeadlineSeconds { get; init; }

    public int? ConfirmBatchNum { get; init; }

    public bool? Paused { get; init; }

    public int? Priority { get; init; }

    public bool? Required { get; init; }

    public OperationStrategy OperationStrategy { get; init => field = value ?? new(); } = new();

    public SchedulingStrategy SchedulingStrategy { get; init => field = value ?? new(); } = new();

    public ModuleHooks? Hooks { get; init; }

    [JsonIgnore]
    public bool IsSymmetric => Replicas == -1;
}

/// <summary>What to install, and the metadata that its Modules get.</summary>
public sealed record ModuleTemplateSpec
{
    public TemplateMeta Metadata { get; init => field = value ?? new(); } = new();

    public ModuleTemplateBody Spec { get; init => field = value ?? new(); } = new();
}

public sealed record TemplateMeta
{
    public IReadOnlyDictionary<string, string> Labels { get; init => field = value ?? Empty.Map; } = Empty.Map;

    public IReadOnlyDictionary<string, string> Annotations { get; init => field = value ?? Empty.Map; } = Empty.Map;
}

public sealed record ModuleTemplateBody
{
    public ModuleSource Module { get; init => field = value ?? new(); } = new();

    public LabelSelector? Selector { get; init; }

    /// <summary>v1's place for the policy; counts where the operation strategy names none.</summary>
    public string? UpgradePolicy { get; init; }
}

/// <summary>A module and where its jar is.</summary>
public sealed record ModuleSource
{
    public string Name { get; init => field = value ?? ""; } = "";

    public string Version { get; init => field = value ?? ""; } = "";

    public string Url { get; init => field = value ?? ""; } = "";

    public string? Type { get; init; }

    public string? Md5 { get; init; }

    public string? Sha256 { get; init; }

    /// <summary>A hash of url and digests. A change of them makes no new revision, but may correct a failed install.</summary>
    public string ArtifactHash() => Hashes.Short($"{Url}\n{Md5}\n{Sha256}");
}

public sealed record OperationStrategy
{
    public int? BatchCount { get; init; }

    public bool? UseBeta { get; init; }

    public bool? NeedConfirm { get; init; }

    public int? GrayTimeBetweenBatchSeconds { get; init; }

    public IntOrPercent? MaxUnavailable { get; init; }

    public int? MaxFailures { get; init; }

    public string? UpgradePolicy { get; init; }

    public int? InstallTimeoutSeconds { get; init; }

    public ServiceStrategy? ServiceStrategy { get; init; }

    public int? TrafficDrainSeconds { get; init; }

    public bool? ConfirmDeletion { get; init; }

    public bool? AutoRollback { get; init; }
}

public sealed record ServiceStrategy
{
    public bool? EnableModuleService { get; init; }

    public int? Port { get; init; }

    public PortOrName? TargetPort { get; init; }

    public string? Type { get; init; }
}

public sealed record SchedulingStrategy
{
    public string? SchedulingPolicy { get; init; }
}

public sealed record ModuleHooks
{
    public ModuleHook? PreInstall { get; init; }

    public ModuleHook? PostInstall { get; init; }

    public ModuleHook? PreUninstall { get; init; }

    public ModuleHook? PostUninstall { get; init; }
}

public sealed record ModuleHook
{
    public const string Fail = "Fail";
    public const string Ignore = "Ignore";

    public int Port { get; init; }

    public string? Path { get; init; }

    /// <summary>For each try.</summary>
    public int? TimeoutSeconds { get; init; }

    /// <summary>Tries after the first.</summary>
    public int? Retries { get; init; }

    public string? FailurePolicy { get; init; }
}

internal static class Empty
{
    public static IReadOnlyDictionary<string, string> Map =>
        System.Collections.ObjectModel.ReadOnlyDictionary<string, string>.Empty;
}
