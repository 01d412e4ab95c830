using System.Collections.ObjectModel;
using ModuleController.Core.Commands;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;

namespace ModuleController.Core.BasePods;

/// <summary>What to do about one base pod, in this order: labels, statuses, the gate, finalizers, the command, the pod.</summary>
public sealed record BasePodPlan
{
    /// <summary>The pod's labels to set, or with null to remove; empty: none.</summary>
    public IReadOnlyDictionary<string, string?> Labels { get; init; } = ReadOnlyDictionary<string, string?>.Empty;

    public IReadOnlyList<ModuleStatusChange> Statuses { get; init; } = [];

    /// <summary>The condition of the readiness gate, where it has to change.</summary>
    public Condition? Gate { get; init; }

    public IReadOnlyList<FinalizerRemoval> Finalizers { get; init; } = [];

    /// <summary>The commands that may be sent now, the first in order first. Only one is.</summary>
    public IReadOnlyList<ModuleCommand> Commands { get; init; } = [];

    public ModuleCommand? Command => Commands.Count == 0 ? null : Commands[0];

    /// <summary>The pod itself is to be deleted: a user requests it by label, and no Module has to be removed first.</summary>
    public bool DeletesPod { get; init; }

    public IReadOnlyList<BasePodEvent> Events { get; init; } = [];

    /// <summary>When the passing of time alone changes the plan.</summary>
    public DateTimeOffset? RequeueAt { get; init; }

    public BasePodMemory Memory { get; init; } = BasePodMemory.Empty;

    /// <summary>Nothing to write and nothing to send.</summary>
    public bool IsEmpty =>
        Labels.Count == 0 && Statuses.Count == 0 && Gate is null && Finalizers.Count == 0 && Command is null && !DeletesPod;
}

public sealed record ModuleStatusChange(Module Module, ModuleStatus Status);

/// <summary>Takes our finalizers off a Module and leaves the others.</summary>
public sealed record FinalizerRemoval(Module Module, IReadOnlyList<string> Remaining)
{
    /// <summary>It follows from the pod not being in the cache: before it is carried out, the API server has to confirm that.</summary>
    public bool NeedsPodGone { get; init; }
}

/// <summary>A Warning for the operator, about a Module or, with null, the pod.</summary>
public sealed record BasePodEvent(Module? Module, string Reason, string Message);

/// <summary>One change of a base pod or of a Module on it; a closed set, carrying one out is one API call.</summary>
public abstract record BasePodStep
{
    private BasePodStep() { }

    public sealed record SetLabels(IReadOnlyDictionary<string, string?> Labels) : BasePodStep;

    public sealed record WriteStatus(Module Module, ModuleStatus Status) : BasePodStep;

    public sealed record SetGate(Condition Condition) : BasePodStep;

    public sealed record RemoveFinalizers(FinalizerRemoval Removal) : BasePodStep;

    public sealed record DeletePod : BasePodStep;

    /// <summary>Reads: no Module with this UID is bound to the pod. A cache that lags would uninstall what is desired.</summary>
    public sealed record ConfirmOrphan(string ModuleUid) : BasePodStep;
}
