using System.Collections.Immutable;
using ModuleController.Core.Agents;
using ModuleController.Core.Modules;

namespace ModuleController.Core.Placement;

/// <summary>Everything about one base that decides where Modules should be.</summary>
public sealed record PlacementState
{
    /// <summary>The base's pods: controlled by it, neither terminating nor finished, nor asked by label to go; and those with
    /// Modules that it has lost sight of.</summary>
    public required IReadOnlyList<PlacementPod> Pods { get; init; }

    /// <summary>One for each ModuleDeployment of this base, orphaned ReplicaSets as groups of their own.</summary>
    public required IReadOnlyList<PlacementGroup> Groups { get; init; }

    /// <summary>The base Deployment; null: it is missing, or nobody decides about its number of pods.</summary>
    public PlacementBase? Base { get; init; }

    /// <summary>Pods that were asked by label to go have not gone yet.</summary>
    public bool HasLeavingPods { get; init; }

    /// <summary>Modules on these pods that belong to no group; they take their place all the same.</summary>
    public IReadOnlyList<Module> Strays { get; init; } = [];

    /// <summary>The namespace terminates, or the base is missing: nothing is created.</summary>
    public bool CreatesNothing { get; init; }

    /// <summary>Agents that are there have had the time to say so: until then absence says nothing, and nothing is taken away.</summary>
    public bool HaveAgentsReported { get; init; } = true;

    /// <summary>Most of the agents vanished at once; null: they did not, or long ago.</summary>
    public AgentOutage? Outage { get; init; }

    /// <summary>Why a Module has no place is told again when only the numbers changed; else each pod that comes up would
    /// rewrite all waiting Modules.</summary>
    public bool MayRefreshMessages { get; init; } = true;

    /// <summary>The deletion costs on pods were written long enough ago for Kubernetes' own controllers to have observed them.</summary>
    public bool AreMarksObserved { get; init; } = true;
}

/// <summary>A base pod as placement sees it.</summary>
public sealed record PlacementPod
{
    public required string Name { get; init; }

    public required string Uid { get; init; }

    public string? Ip { get; init; }

    /// <summary>Why this pod takes no new Module, whichever it is; null: it does.</summary>
    public string? Refusal { get; init; }

    /// <summary>Its agent speaks and Arklet answers: what runs there is known.</summary>
    public bool IsCurrent { get; init; } = true;

    /// <summary>Its agent can fetch an artifact before what serves is removed.</summary>
    public bool CanFetch { get; init; }

    /// <summary>UIDs of the Modules whose artifact is on the pod and checked.</summary>
    public IReadOnlySet<string> Staged { get; init; } = ImmutableHashSet<string>.Empty;

    public bool IsOutOfMetaspace { get; init; }

    /// <summary>Not Ready for longer than the grace time: what isn't symmetric is placed elsewhere.</summary>
    public bool IsLost { get; init; }

    /// <summary>Alive, but of a base that is missing, or that has not taken its ReplicaSet yet: what serves there stays.</summary>
    public bool IsAdrift { get; init; }

    /// <summary>On a cordoned or failing node, or about to be evicted: taken last.</summary>
    public bool IsShaky { get; init; }

    /// <summary>Of the base's newest ReplicaSet; only while the base rolls do pods differ in this.</summary>
    public bool IsNewest { get; init; } = true;

    /// <summary>The topology domain (zone); empty where the node names none.</summary>
    public string Domain { get; init; } = "";

    /// <summary>Bytes of Metaspace left; what cannot be known is 0.</summary>
    public long Headroom { get; init; }

    public int? MaxModules { get; init; }

    /// <summary>It is refused only because it, its agent or its Arklet is not up, and that not for too long.</summary>
    public bool IsComing { get; init; }

    /// <summary>We chose it to go first when the base is scaled down.</summary>
    public bool IsMarked { get; init; }

    /// <summary>Somebody else said how soon it may go.</summary>
    public bool HasOwnCost { get; init; }

    public DateTimeOffset? CreatedAt { get; init; }

    /// <summary>As Kubernetes has it, with gates and all containers: one that is not goes before any other.</summary>
    public bool IsReady { get; init; } = true;
}

/// <summary>The ReplicaSets of one ModuleDeployment on this base.</summary>
public sealed record PlacementGroup(ModuleDeployment Deployment, IReadOnlyList<ReplicaSetWithModules> Sets)
{
    /// <summary>Another, older ModuleDeployment has this module name here: this one does nothing.</summary>
    public bool IsConflicting { get; init; }
}
