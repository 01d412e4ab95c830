using System.Collections.Immutable;

namespace ModuleController.Core.Placement;

/// <summary>A base pod, assessed as a place for Modules.</summary>
public sealed record CandidatePod
{
    public required string Name { get; init; }

    public required string Uid { get; init; }

    public string? Ip { get; init; }

    /// <summary>Why this pod takes no new Module, whichever it is; null: it does.</summary>
    public string? Refusal { get; init; }

    /// <summary>Its agent is connected and Arklet answers: what runs there is known.</summary>
    public bool IsCurrent { get; init; } = true;

    /// <summary>Its agent can fetch an artifact before the old version is removed.</summary>
    public bool CanFetch { get; init; }

    /// <summary>Its agent enforces the artifact policy, or there is none. Otherwise it gets no command that downloads something
    /// new.</summary>
    public bool EnforcesPolicy { get; init; } = true;

    /// <summary>UIDs of the Modules whose artifact is on the pod and checked.</summary>
    public IReadOnlySet<string> Staged { get; init; } = ImmutableHashSet<string>.Empty;

    public bool IsOutOfMetaspace { get; init; }

    /// <summary>Unready or silent for longer than the grace time: asymmetric Modules are evicted.</summary>
    public bool IsPastGrace { get; init; }

    /// <summary>Its base is missing, or has not adopted its ReplicaSet yet. Its Modules stay.</summary>
    public bool IsOrphaned { get; init; }

    /// <summary>On a cordoned or unready node, or about to be evicted: the last choice.</summary>
    public bool IsDisrupted { get; init; }

    /// <summary>It belongs to the newest ReplicaSet of the base. Pods differ in this only while the base rolls.</summary>
    public bool IsNewest { get; init; } = true;

    /// <summary>The topology domain (zone); empty where the node names none.</summary>
    public string Domain { get; init; } = "";

    /// <summary>Free Metaspace in bytes; 0 if unknown.</summary>
    public long Headroom { get; init; }

    public int? MaxModules { get; init; }

    /// <summary>It is refused only because the pod, its agent or its Arklet is not up, and the grace time is not over.</summary>
    public bool IsStarting { get; init; }

    /// <summary>It has a deletion cost of ours: its ReplicaSet removes it first.</summary>
    public bool IsMarked { get; init; }

    /// <summary>It has a deletion cost that somebody else set.</summary>
    public bool HasUserCost { get; init; }

    public DateTimeOffset? CreatedAt { get; init; }

    /// <summary>The pod's condition, with gates and all containers. A ReplicaSet removes unready pods first.</summary>
    public bool IsReady { get; init; } = true;
}
