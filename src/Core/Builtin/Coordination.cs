using System.Text.Json.Serialization;
using ModuleController.Core.Meta;

namespace ModuleController.Core.Builtin;

/// <summary>The lease that a leader holds.</summary>
public sealed record Lease : IResource
{
    public static ResourceKind Kind { get; } = new("coordination.k8s.io", "v1", "Lease", "leases");

    public ObjectMeta Metadata { get; init => field = value ?? new(); } = new();

    public LeaseSpec Spec { get; init => field = value ?? new(); } = new();
}

public sealed record LeaseSpec
{
    public string? HolderIdentity { get; init; }

    public int? LeaseDurationSeconds { get; init; }

    public int? LeaseTransitions { get; init; }

    [JsonConverter(typeof(KubeMicroTimeConverter))]
    public DateTimeOffset? AcquireTime { get; init; }

    [JsonConverter(typeof(KubeMicroTimeConverter))]
    public DateTimeOffset? RenewTime { get; init; }
}

/// <summary>A core/v1 Event.</summary>
public sealed record Event : IResource
{
    public static ResourceKind Kind { get; } = new("", "v1", "Event", "events");

    public ObjectMeta Metadata { get; init => field = value ?? new(); } = new();

    public ObjectReference? InvolvedObject { get; init; }

    public string? Reason { get; init; }

    public string? Message { get; init; }

    public string? Type { get; init; }

    public int? Count { get; init; }

    public EventSource? Source { get; init; }

    public string? ReportingComponent { get; init; }

    public string? ReportingInstance { get; init; }

    public string? Action { get; init; }

    public DateTimeOffset? FirstTimestamp { get; init; }

    public DateTimeOffset? LastTimestamp { get; init; }
}

public sealed record EventSource(string? Component = null, string? Host = null);
