using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Facts;

namespace ModuleController.Core.BasePods.Gates;

/// <summary>A ModuleDeployment whose module counts for the gates of its base, and what its last completed revision installs.</summary>
public sealed record RequiredModule(string DeploymentUid, ModuleSource Completed)
{
    /// <summary>Every pod of the base has to have one; else only those that a Module is bound to.</summary>
    public bool IsOnEveryPod { get; init; }

    /// <summary>As for a Module here, where none is: a revision that was given up is placed nowhere any more.</summary>
    public bool FailsOnOlderPods { get; init; }

    /// <summary>
    /// Of a base's ModuleDeployments, those that may hold a gate: none that is being deleted, that does nothing because an older one has
    /// its module name, or whose first release has not completed. A first release never stops a base.
    /// </summary>
    public static IReadOnlyList<RequiredModule> Of(
        IReadOnlyCollection<ModuleDeployment> ofBase, Func<ModuleDeployment, IEnumerable<ModuleReplicaSet>> replicaSets,
        Func<ModuleReplicaSet, bool> failsOnOlderPods)
    {
        var required = new List<RequiredModule>();
        foreach (var deployment in ofBase)
        {
            if (!deployment.IsRequired || deployment.Metadata.IsDeleting || ModuleConflicts.Of(deployment, ofBase) is not null) continue;
            if (RevisionHistory.LastCompleted(replicaSets(deployment).Select(set => new ReplicaSetWithModules(set, [])))
                is not { } completed) continue;
            required.Add(new(deployment.Metadata.Uid!, completed.ReplicaSet.Spec.Template.Spec.Module)
            {
                IsOnEveryPod = deployment.IsSymmetric,
                FailsOnOlderPods = failsOnOlderPods(completed.ReplicaSet),
            });
        }

        return [.. required.OrderBy(module => module.Completed.Name, StringComparer.Ordinal)];
    }
}
