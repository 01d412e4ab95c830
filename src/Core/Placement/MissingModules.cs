using ModuleController.Core.BasePods;
using ModuleController.Core.Commands;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Facts;
using ModuleController.Core.Modules.Rules;

namespace ModuleController.Core.Placement;

/// <summary>Finds the Modules that the ReplicaSets lack.</summary>
internal static class MissingModules
{
    public static List<MissingModule> Of(GroupPlan plan) =>
    [
        .. plan.Sets.Where(set => set.Surplus <= 0 && !IsQuarantined(plan.Deployment, set.Set)).SelectMany(set =>
            set.Live.Where(module => !module.IsBound).Select(module => new MissingModule(set, module))
                .Concat(Enumerable.Repeat(new MissingModule(set, null), IsRefused(plan, set) ? 0 : set.Missing))),
    ];

    /// <summary>Without those that the goals count twice: the goal of the new revision is raised before that of the old one is lowered, and
    /// <c>replicas</c> is lowered for a Module with a deletion label before the goals are.</summary>
    public static List<MissingModule> WithinDesired(GroupPlan plan, List<MissingModule> missing)
    {
        var replicas = DesiredReplicas.Of(plan.Deployment, plan.State.Pods.Count);
        var excess = Math.Max(0, plan.Sets.Sum(set => set.Set.Goal) - replicas.Desired);
        if (excess > 0 && !replicas.IsByScale && plan.Sets.Count(set => set.Set.Goal > 0) < 2)
            excess = Math.Min(excess, plan.Group.Sets.SelectMany(set => set.Modules)
                .Count(module => DeletionRequests.IsGranted(plan.Deployment, module)));
        return excess == 0 ? missing : [.. missing.Take(missing.Count - excess)];
    }

    // It was stored before a rule or the policy existed, and is reported on the ModuleDeployment: nothing is created from it.
    private static bool IsRefused(GroupPlan plan, PlannedReplicaSet set) => set.Surplus < 0
        && IsRefused(plan, set.Set.ReplicaSet.Spec.Template, ModuleRules.Check(set.Set.ReplicaSet.Spec.Template))
        && IsRefused(plan, plan.Deployment.Spec.Template, ModuleRules.Check(plan.Deployment));

    private static bool IsRefused(GroupPlan plan, ModuleTemplateSpec template, IReadOnlyList<RuleBreach> breaches) =>
        breaches.Any(breach => breach.Instead is null)
        || !PolicyRules.IsAllowed(plan.State.ArtifactPolicy, template.Spec.Module);

    private static bool IsQuarantined(ModuleDeployment deployment, ReplicaSetWithModules set) => Quarantine.IsRecorded(deployment)
        && deployment.Status.ReleaseStatus!.UpdateRevision == Revision.Of(set.ReplicaSet.Spec.Template).Hash();
}
