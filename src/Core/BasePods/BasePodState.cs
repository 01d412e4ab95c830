using ModuleController.Core.Agents;
using ModuleController.Core.BasePods.Gates;
using ModuleController.Core.Builtin;
using ModuleController.Core.Commands;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;

namespace ModuleController.Core.BasePods;

/// <summary>All that decides what happens on one base pod: what should be there, and what is known to be.</summary>
public sealed record BasePodState
{
    public required ObjectKey Key { get; init; }

    /// <summary>Null: no pod of this name.</summary>
    public Pod? Pod { get; init; }

    public bool IsNamespaceTerminating { get; init; }

    /// <summary>The pod is no longer the base's: nothing is installed, and it gets no traffic from us.</summary>
    public bool IsReleased { get; init; }

    /// <summary>The Modules bound to a pod of this name, those of an earlier pod too.</summary>
    public IReadOnlyList<PodModule> Modules { get; init; } = [];

    /// <summary>Null: its agent has not connected since this process leads.</summary>
    public BaseView? View { get; init; }

    /// <summary>Since when agents can reach this leader; before they had time to, nothing follows from absence.</summary>
    public required DateTimeOffset AcceptingSince { get; init; }

    /// <summary>Null: the pod has no readiness gate of ours, or it is open for good in this life, or the base is not known yet.</summary>
    public PodGate? Gate { get; init; }

    /// <summary>What the plan before this one handed on.</summary>
    public BasePodMemory Memory { get; init; } = BasePodMemory.Empty;
}

/// <summary>A Module bound to the pod, with what follows from other objects for it.</summary>
public sealed record PodModule(Module Module, ModuleSettings Settings)
{
    /// <summary>This revision was Available once in this ModuleDeployment: its artifact is good.</summary>
    public bool HasServed { get; init; }

    /// <summary>This revision lived for a minute somewhere: it doesn't end base lives.</summary>
    public bool HasLived { get; init; }

    /// <summary>This revision ended two base lives, or was given up for that: it is not installed any more.</summary>
    public bool IsQuarantined { get; init; }

    /// <summary>The UID of the ModuleDeployment that the Module belongs to, through its ReplicaSet; null: it belongs to none.</summary>
    public string? DeploymentUid { get; init; }

    /// <summary>The key of this ModuleDeployment.</summary>
    public ObjectKey? Deployment { get; init; }

    /// <summary>This revision also fails on pods of older ReplicaSets of the base, and serves on none of them. So the new version of the
    /// base is not the cause.</summary>
    public bool FailsOnOlderPods { get; init; }

    /// <summary>The generated Service still sends the pod traffic.</summary>
    public bool IsInEndpoints { get; init; }
}

/// <summary>The settings of the ModuleDeployment for its Modules on a pod.</summary>
public sealed record ModuleSettings
{
    public int Priority { get; init; }

    /// <summary>Of the ModuleDeployment: the older one's modules are installed first.</summary>
    public DateTimeOffset? DeploymentCreatedAt { get; init; }

    public TimeSpan InstallTimeout { get; init; } = TimeSpan.FromSeconds(300);

    public TimeSpan TrafficDrain { get; init; }

    /// <summary>Failures before this time are retried: the verb retry.</summary>
    public DateTimeOffset? RetriedAt { get; init; }

    /// <summary>Of the namespace.</summary>
    public ArtifactPolicy ArtifactPolicy { get; init; } = ArtifactPolicy.None;

    /// <summary>install_then_uninstall: two versions may overlap in one JVM.</summary>
    public bool InstallsFirst { get; init; }

    public ModuleHooks? Hooks { get; init; }
}
