using System.Text.Json.Serialization;
using ModuleController.Core.Meta;

namespace ModuleController.Core.Modules;

/// <summary>One module version on one base pod.</summary>
public sealed record Module : IResource
{
    public static ResourceKind Kind { get; } = new(Group.Name, Group.Version, "Module", "modules");

    public ObjectMeta Metadata { get; init => field = value ?? new(); } = new();

    public ModuleSpec Spec { get; init => field = value ?? new(); } = new();

    public ModuleStatus Status { get; init => field = value ?? new(); } = new();

    [JsonIgnore]
    public bool IsBound => Spec.PodUid is { Length: > 0 };

    [JsonIgnore]
    public bool IsAvailable => Status.Status == ModulePhase.Available && !Metadata.IsDeleting;
}

public sealed record ModuleSpec
{
    public ModuleSource Module { get; init => field = value ?? new(); } = new();

    public string? PodName { get; init; }

    public string? PodUid { get; init; }

    /// <summary>UID of the Module that this one upgrades, on the same pod or, under scaleup_then_scaledown, on another.</summary>
    public string? Replaces { get; init; }
}

public sealed record ModuleStatus
{
    public string? Status { get; init; }

    public string? Message { get; init; }

    /// <summary>Install attempts in the current base life.</summary>
    public int? Attempts { get; init; }

    public ModuleError? LastError { get; init; }

    public DateTimeOffset? InstalledAt { get; init; }

    public double? InstallSeconds { get; init; }

    public long? MetaspaceBytes { get; init; }

    /// <summary>The base life that the rest of this status is about.</summary>
    public string? BaseLife { get; init; }

    public string? ArtifactHash { get; init; }

    public long? ObservedGeneration { get; init; }

    public DateTimeOffset? LastTransitionTime { get; init; }

    public IReadOnlyList<Condition> Conditions { get; init => field = value ?? []; } = [];

    /// <summary>Nothing has been written yet: absent, or the default of the schema.</summary>
    [JsonIgnore]
    public bool IsInitial => Status is null || this is { Status: ModulePhase.Pending, LastTransitionTime: null, Conditions: [] };

    // A record compares its lists by reference.
    public bool HasContentOf(ModuleStatus other) =>
        Conditions.SequenceEqual(other.Conditions) && this == other with { Conditions = Conditions };
}

public sealed record ModuleError
{
    public string Reason { get; init => field = value ?? ""; } = "";

    public string? Code { get; init; }

    public string? Message { get; init; }

    public DateTimeOffset? Time { get; init; }

    /// <summary>The <c>Retry-After</c> of the artifact store.</summary>
    public int? RetryAfterSeconds { get; init; }
}

/// <summary>The values of <c>Module.status.status</c>.</summary>
public static class ModulePhase
{
    public const string Pending = "Pending";
    public const string Prepare = "Prepare";
    public const string Upgrading = "Upgrading";
    public const string Completing = "Completing";
    public const string Available = "Available";
    public const string Terminating = "Terminating";
    public const string Failed = "Failed";
}

/// <summary>The condition types of a Module.</summary>
public static class ModuleConditions
{
    public const string Scheduled = "Scheduled";
    public const string Installed = "Installed";
    public const string Healthy = "Healthy";
    public const string TrafficReady = "TrafficReady";
    public const string AgentConnected = "AgentConnected";
}

/// <summary>A top-level template, as v1 had it; nothing refers to it yet.</summary>
public sealed record ModuleTemplate : IResource
{
    public static ResourceKind Kind { get; } = new(Group.Name, Group.Version, "ModuleTemplate", "moduletemplates");

    public ObjectMeta Metadata { get; init => field = value ?? new(); } = new();

    public ModuleTemplateSpec Template { get; init => field = value ?? new(); } = new();
}
