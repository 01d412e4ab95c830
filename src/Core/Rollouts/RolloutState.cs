using System.Collections.Frozen;
using ModuleController.Core.Agents;
using ModuleController.Core.Builtin;
using ModuleController.Core.Commands;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Facts;
using ModuleController.Core.Modules.Records;

namespace ModuleController.Core.Rollouts;

/// <summary>What was observed of a ModuleDeployment and its surroundings.</summary>
public sealed record RolloutState
{
    public required ModuleDeployment Deployment { get; init; }

    /// <summary>The ReplicaSets that it controls, each with its Modules.</summary>
    public IReadOnlyList<ReplicaSetWithModules> Sets { get; init; } = [];

    /// <summary>ReplicaSets without an owner, from an earlier ModuleDeployment of this name.</summary>
    public IReadOnlyList<ModuleReplicaSet> Orphans { get; init; } = [];

    /// <summary>UIDs of the base pods that are out of Metaspace. Modules there are upgraded after the base restarted.</summary>
    public IReadOnlyCollection<string> FullPods { get; init; } = [];

    /// <summary>Orphaned Modules whose revision has no ReplicaSet. The others are in <see cref="Sets"/>.</summary>
    public IReadOnlyList<Module> OrphanedModules { get; init; } = [];

    /// <summary>The computed name of the new ReplicaSet belongs to a foreign object.</summary>
    public bool IsNameTaken { get; init; }

    /// <summary>Computed names of ReplicaSets for <see cref="OrphanedModules"/> that belong to foreign objects.</summary>
    public IReadOnlyCollection<string> TakenNames { get; init; } = [];

    /// <summary>The base Deployment; null: it does not exist.</summary>
    public Deployment? Base { get; init; }

    /// <summary>The UIDs of the base's pods. A Module that is bound to any other pod is lost.</summary>
    public IReadOnlySet<string> BasePods { get; init; } = FrozenSet<string>.Empty;

    /// <summary>The older ModuleDeployment that has the same module on the same base.</summary>
    public string? ConflictsWith { get; init; }

    public bool IsNamespaceTerminating { get; init; }

    /// <summary>Of the namespace.</summary>
    public ArtifactPolicy ArtifactPolicy { get; init; } = ArtifactPolicy.None;

    /// <summary>Who changed the ModuleDeployment last; null: no webhook of ours can have written that.</summary>
    public LastChange? Change { get; init; }

    /// <summary>Null: neither this namespace nor the cluster is frozen.</summary>
    public Freeze? Freeze { get; init; }

    /// <summary>Most agents of the base disconnected at once; null: they did not, or long ago.</summary>
    public AgentOutage? Outage { get; init; }

    /// <summary>The API server's message about a write that it keeps rejecting; null: it rejects none.</summary>
    public string? RejectedWrite { get; init; }

    /// <summary>The Service of the generated name, whoever created it.</summary>
    public Service? Service { get; init; }

    /// <summary>The base pods with an older version and what their agents report, in order of their names.</summary>
    public IReadOnlyList<(ObjectKey Pod, string Uid, BaseView View)> Carriers { get; init; } = [];

    /// <summary>The UIDs of Modules that an agent reports now, in the base life in which they were installed.</summary>
    public IReadOnlySet<string> Observed { get; init; } = FrozenSet<string>.Empty;

    /// <summary>The ReplicaSet of the template's revision; null: it does not exist yet.</summary>
    public ReplicaSetWithModules? Updated =>
        Sets.Where(set => !set.ReplicaSet.Metadata.IsDeleting
                && Revision.Of(set.ReplicaSet.Spec.Template) == Revision.Of(Deployment.Spec.Template))
            .MaxBy(set => set.Revision);

    /// <summary>The others, newest first.</summary>
    public IReadOnlyList<ReplicaSetWithModules> Old(ReplicaSetWithModules? updated) =>
        [.. Sets.Where(set => set != updated).OrderByDescending(set => set.Revision)
            .ThenBy(set => set.ReplicaSet.Metadata.Name, StringComparer.Ordinal)];
}
