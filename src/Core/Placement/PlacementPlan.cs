using ModuleController.Core.Modules;

namespace ModuleController.Core.Placement;

/// <summary>The changes to the Modules of one base.</summary>
public sealed record PlacementPlan
{
    public IReadOnlyList<PlacementStep> Steps { get; init; } = [];

    /// <summary>The number of Modules on each base pod, for the labels of the base Deployment.</summary>
    public IReadOnlyList<int> Counts { get; init; } = [];

    public DateTimeOffset? RequeueAt { get; init; }
}

/// <summary>One change of a Module, a base pod or the base: one API call. A closed set.</summary>
public abstract record PlacementStep
{
    private PlacementStep() { }

    /// <summary>A new Module, bound if there is a pod for it.</summary>
    public sealed record Create(
        ModuleDeployment Deployment, ModuleReplicaSet ReplicaSet, string Name, CandidatePod? Pod, Module? Replaces) : PlacementStep;

    /// <summary>An orphaned Module gets the ReplicaSet of its revision as its owner.</summary>
    public sealed record Adopt(Module Module, ModuleReplicaSet ReplicaSet) : PlacementStep;

    /// <summary>A waiting Module gets a pod.</summary>
    public sealed record Bind(Module Module, CandidatePod Pod, Module? Replaces) : PlacementStep;

    /// <summary>Why a Module has no pod.</summary>
    public sealed record Explain(Module Module, string Reason, string Message) : PlacementStep;

    /// <param name="Notify">The ModuleDeployment that gets an Event.</param>
    public sealed record Delete(Module Module, string Why, ModuleDeployment? Notify = null) : PlacementStep
    {
        /// <summary>The pod is in no cache: the API server has to confirm first that it is gone.</summary>
        public bool RequiresPodGone { get; init; }
    }

    /// <summary>A read, which fails if the Module still has its pod.</summary>
    public sealed record ConfirmPodGone(Module Module) : PlacementStep;

    /// <summary>A deleted Module never had a pod: nothing has to be uninstalled.</summary>
    public sealed record Release(Module Module) : PlacementStep;

    /// <summary>The deletion cost of a surge pod; null: removed.</summary>
    public sealed record Mark(CandidatePod Pod, string? Cost) : PlacementStep;

    /// <summary>The number of base pods, and how many of them are surge pods: one write.</summary>
    public sealed record ScaleBase(BaseDeployment Base, int Replicas, SurgePods? Surge, string Why) : PlacementStep;

    /// <summary>The labels of the base Deployment with the number of Modules on its pods.</summary>
    public sealed record WriteCounts(IReadOnlyList<int> Counts) : PlacementStep;
}
