using ModuleController.Core.Builtin;
using ModuleController.Core.Modules.Names;

namespace ModuleController.Core.BasePods;

/// <summary>Base pods that a user deletes by label: drained first, or at once.</summary>
/// <remarks>For placement such a pod no longer belongs to the base, so its Modules are deleted and placed elsewhere; here they are
/// drained and uninstalled as always, and when none is left, the pod is deleted.</remarks>
public static class PodDeletion
{
    public static bool IsRequested(Pod pod) =>
        pod.Metadata.Labels.ContainsKey(Labels.DeletePod) || pod.Metadata.Labels.ContainsKey(Labels.DeletePodDirectly);

    internal static bool IsDue(BasePodFacts pod)
    {
        if (pod.State.Pod is not { } target || !pod.IsLiving || pod.State.IsReleased) return false;
        if (target.Metadata.Labels.ContainsKey(Labels.DeletePodDirectly)) return true;
        return target.Metadata.Labels.ContainsKey(Labels.DeletePod) && pod.Commands.Current is null && !pod.Modules.Any(Holds);
    }

    // A Module without an owner is never deleted, and one without our finalizer has nothing in the base any more.
    private static bool Holds(ModuleFacts module) => module.IsHere && module.Module.Metadata.Controller is not null
        && (!module.IsDeleting || module.Module.Metadata.Finalizers.Any(FinalizerNames.IsOfModule));
}
