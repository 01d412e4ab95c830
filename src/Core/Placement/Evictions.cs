using ModuleController.Core.Commands;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Facts;
using ModuleController.Core.Modules.Names;

namespace ModuleController.Core.Placement;

/// <summary>Deletes the Modules that can't stay where they are, whatever the goals.</summary>
internal static class Evictions
{
    /// <summary>A deleted Module without a pod has nothing to uninstall.</summary>
    public static void ReleaseUnbound(GroupPlan plan)
    {
        var modules = plan.Group.Sets.SelectMany(set => set.Modules).OrderBy(module => module.Metadata.Name, StringComparer.Ordinal);
        foreach (var module in modules.Where(module => module is { IsBound: false, Metadata.IsDeleting: true }))
            if (module.Metadata.Finalizers.Any(FinalizerNames.IsOfModule))
                plan.Add(new PlacementStep.Release(module));
    }

    /// <summary>Modules whose pod the base does not have any more, and asymmetric Modules on a pod that is unready for too long.</summary>
    public static void RemoveLost(GroupPlan plan)
    {
        if (!plan.State.HaveAgentsReported) return;
        foreach (var item in plan.Live.Where(item => item.Module.IsBound).ToList())
            if (plan.PodOf(item.Module) is not { } pod)
                plan.Delete(item, "its base pod no longer exists", plan.Deployment, requiresPodGone: true);
            else if (pod.IsPastGrace && !plan.Deployment.IsSymmetric && plan.MayDisrupt)
                plan.Delete(item, "its base pod has been unready for too long", plan.Deployment);
    }

    /// <summary>Modules with a deletion label, once <c>replicas</c> was lowered for them.</summary>
    public static void RemoveByLabel(GroupPlan plan)
    {
        if (!plan.State.HaveAgentsReported) return;
        foreach (var item in plan.Live.Where(item => DeletionRequests.IsGranted(plan.Deployment, item.Module)).ToList())
            plan.Delete(item, "deleted by label");
    }

    /// <summary>Modules that only a new Module can correct: their artifact was changed, or their pod has no Metaspace and another pod
    /// has.</summary>
    public static void RemoveUnusable(GroupPlan plan)
    {
        if (!plan.MayDisrupt) return;
        foreach (var item in plan.Live.Where(item => item.Set.Set.Goal > 0 && item.Module.IsBound && IsUnproven(item.Module)).ToList())
            if (item.Module.Spec.Module != item.Set.Set.ReplicaSet.Spec.Template.Spec.Module)
                plan.Delete(item, "its artifact was changed");
            else if (!plan.Deployment.IsSymmetric && IsOutOfMetaspace(item.Module) && plan.FreePods.HasNext)
                plan.Delete(item, "its base pod has no Metaspace left");
    }

    // A Module that was available is not reinstalled for another url, unless it ended its JVM.
    private static bool IsUnproven(Module module) => !ModuleReadiness.WasEverAvailable(module)
        || (!module.IsAvailable && module.Status.LastError?.Reason == nameof(FailureReason.BaseDied));

    private static bool IsOutOfMetaspace(Module module) => module.Spec.Replaces is null && module.Status is
    { Status: ModulePhase.Failed, LastError.Reason: nameof(FailureReason.MetaspaceFull) };
}
