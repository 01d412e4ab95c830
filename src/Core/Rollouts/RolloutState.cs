using System.Collections.Frozen;
using ModuleController.Core.Agents;
using ModuleController.Core.Builtin;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;

namespace ModuleController.Core.Rollouts;

/// <summary>Everything that decides the next step of one ModuleDeployment.</summary>
public sealed record RolloutState
{
    public required ModuleDeployment Deployment { get; init; }

    /// <summary>The ReplicaSets that it controls, each with its Modules.</summary>
    public IReadOnlyList<ReplicaSetWithModules> Sets { get; init; } = [];

    /// <summary>ReplicaSets that were left behind by a ModuleDeployment of this name and are nobody's now.</summary>
    public IReadOnlyList<ModuleReplicaSet> Orphans { get; init; } = [];

    /// <summary>UIDs of the base pods that are known to be out of Metaspace: what serves there is upgraded when they have restarted.</summary>
    public IReadOnlyCollection<string> FullPods { get; init; } = [];

    /// <summary>Orphaned Modules of this ModuleDeployment of whose revision it has no ReplicaSet; the others are with their set already.</summary>
    public IReadOnlyList<Module> OrphanedModules { get; init; } = [];

    /// <summary>The computed name of the new ReplicaSet belongs to a stranger.</summary>
    public bool IsNameTaken { get; init; }

    /// <summary>Computed names of ReplicaSets for <see cref="OrphanedModules"/> that belong to a stranger.</summary>
    public IReadOnlyCollection<string> TakenNames { get; init; } = [];

    /// <summary>The base Deployment; null: there is none of that name.</summary>
    public Deployment? Base { get; init; }

    /// <summary>The UIDs of the base's pods; a Module that is bound to any other is lost.</summary>
    public IReadOnlySet<string> BasePods { get; init; } = FrozenSet<string>.Empty;

    /// <summary>The older ModuleDeployment that has the same module on the same base.</summary>
    public string? ConflictsWith { get; init; }

    public bool IsNamespaceTerminating { get; init; }

    /// <summary>Somebody froze this namespace, or everything; null: nobody did.</summary>
    public RolloutFreeze? Freeze { get; init; }

    /// <summary>Most agents of the base vanished at once; null: they did not, or long ago.</summary>
    public AgentOutage? Outage { get; init; }

    /// <summary>What the API server says about a write for this object that it keeps rejecting; null: it rejects none.</summary>
    public string? RejectedWrite { get; init; }

    /// <summary>The Service of the generated name, whoever made it.</summary>
    public Service? Service { get; init; }

    /// <summary>What agents say, of the pods that carry an older version, in order of their names.</summary>
    public IReadOnlyList<(ObjectKey Pod, string Uid, BaseView View)> Carriers { get; init; } = [];

    /// <summary>The UIDs of Modules that an agent sees now, in the base life in which they were installed.</summary>
    public IReadOnlySet<string> Seen { get; init; } = FrozenSet<string>.Empty;

    /// <summary>The ReplicaSet of the template's revision; null: not made yet.</summary>
    public ReplicaSetWithModules? Updated =>
        Sets.Where(set => !set.ReplicaSet.Metadata.IsDeleting
                && Revision.Of(set.ReplicaSet.Spec.Template) == Revision.Of(Deployment.Spec.Template))
            .MaxBy(set => set.Revision);

    /// <summary>The others, newest first.</summary>
    public IReadOnlyList<ReplicaSetWithModules> Old(ReplicaSetWithModules? updated) =>
        [.. Sets.Where(set => set != updated).OrderByDescending(set => set.Revision)
            .ThenBy(set => set.ReplicaSet.Metadata.Name, StringComparer.Ordinal)];
}
