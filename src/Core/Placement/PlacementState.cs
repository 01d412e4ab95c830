using ModuleController.Core.Agents;
using ModuleController.Core.Commands;
using ModuleController.Core.Modules;

namespace ModuleController.Core.Placement;

/// <summary>Everything about one base that decides where Modules should be.</summary>
public sealed record PlacementState
{
    /// <summary>The active pods of the base, and orphaned pods that have Modules.</summary>
    public required IReadOnlyList<CandidatePod> Pods { get; init; }

    /// <summary>One for each ModuleDeployment of this base, and one for each orphaned ReplicaSet.</summary>
    public required IReadOnlyList<DeploymentGroup> Groups { get; init; }

    /// <summary>Null: there is none.</summary>
    public BaseDeployment? Base { get; init; }

    /// <summary>Pods with the label <c>delete-pod</c> exist. Until they are gone, their ReplicaSet counts them.</summary>
    public bool HasPodsBeingRemoved { get; init; }

    /// <summary>Modules on these pods that belong to no group. They occupy their places.</summary>
    public IReadOnlyList<Module> Strays { get; init; } = [];

    /// <summary>The namespace or the base is being deleted, or the base is missing.</summary>
    public bool IsCreationBlocked { get; init; }

    /// <summary>Of the namespace.</summary>
    public ArtifactPolicy ArtifactPolicy { get; init; } = ArtifactPolicy.None;

    /// <summary>Agents had the time to connect. Until then a missing agent proves nothing, and nothing is removed.</summary>
    public bool HaveAgentsReported { get; init; } = true;

    /// <summary>Most agents disconnected at once, a short time ago.</summary>
    public AgentOutage? Outage { get; init; }

    /// <summary>A message of a waiting Module is written also if only its numbers changed. Otherwise each pod that starts would cause
    /// a write for every waiting Module.</summary>
    public bool MayRefreshMessages { get; init; } = true;

    /// <summary>The last deletion costs were written long enough ago for Kubernetes' controllers to have observed them.</summary>
    public bool AreMarksObserved { get; init; } = true;
}
