using ModuleController.Core.Modules;

namespace ModuleController.Core.Placement;

/// <summary>What is to be done about the Modules of one base.</summary>
public sealed record PlacementPlan
{
    public IReadOnlyList<PlacementStep> Steps { get; init; } = [];

    /// <summary>How many Modules each base pod has: for the labels on the base Deployment.</summary>
    public IReadOnlyList<int> Counts { get; init; } = [];

    public DateTimeOffset? RequeueAt { get; init; }
}

/// <summary>One change of one Module, of a base pod or of the base; a closed set, carrying one out is one API call.</summary>
public abstract record PlacementStep
{
    private PlacementStep() { }

    /// <summary>A new Module, bound to its pod from the start where there is one.</summary>
    public sealed record Create(
        ModuleDeployment Deployment, ModuleReplicaSet ReplicaSet, string Name, CandidatePod? Pod, Module? Replaces) : PlacementStep;

    /// <summary>An orphaned Module gets the ReplicaSet of its revision as its owner.</summary>
    public sealed record Adopt(Module Module, ModuleReplicaSet ReplicaSet) : PlacementStep;

    /// <summary>A Module that waited has a place.</summary>
    public sealed record Bind(Module Module, CandidatePod Pod, Module? Replaces) : PlacementStep;

    /// <summary>Why a Module has no place.</summary>
    public sealed record Explain(Module Module, string Reason, string Message) : PlacementStep;

    /// <summary>Where its owner should be told, <paramref name="Tell"/> is that ModuleDeployment.</summary>
    public sealed record Delete(Module Module, string Why, ModuleDeployment? Tell = null) : PlacementStep
    {
        /// <summary>It follows from the pod not being among the base's: the API server has to confirm that first.</summary>
        public bool RequiresPodGone { get; init; }
    }

    /// <summary>A read: fails where the Module has not lost its pod.</summary>
    public sealed record ConfirmPodGone(Module Module) : PlacementStep;

    /// <summary>A Module that never had a pod is deleted: nothing has to be uninstalled first.</summary>
    public sealed record Release(Module Module) : PlacementStep;

    /// <summary>This pod goes first when the base is scaled down; with null, no longer.</summary>
    public sealed record Mark(CandidatePod Pod, int? Cost) : PlacementStep;

    /// <summary>Another number of base pods, and what of it we added: one write.</summary>
    public sealed record ScaleBase(BaseDeployment Base, int Replicas, SurgePods? Added, string Why) : PlacementStep;

    /// <summary>The labels of the base Deployment about how many Modules its pods have.</summary>
    public sealed record WriteCounts(IReadOnlyList<int> Counts) : PlacementStep;
}
