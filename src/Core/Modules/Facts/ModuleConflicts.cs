using ModuleController.Core.Modules.Names;

namespace ModuleController.Core.Modules.Facts;

/// <summary>Two ModuleDeployments with one module name on one base: the older one has it.</summary>
public static class ModuleConflicts
{
    /// <summary>The older ModuleDeployment with the same module name on the same base; null: there is none.</summary>
    public static ModuleDeployment? Of(ModuleDeployment deployment, IEnumerable<ModuleDeployment> ofBase) => ofBase
        .Where(other => other.Metadata.Uid != deployment.Metadata.Uid && IsBefore(other, deployment)
            && other.Spec.Template.Spec.Module.Name == deployment.Spec.Template.Spec.Module.Name)
        .MinBy(Age);

    private static bool IsBefore(ModuleDeployment one, ModuleDeployment other) => Age(one).CompareTo(Age(other)) < 0;

    // Timestamps count whole seconds. Of two in one second the one that has begun stays: only it has our finalizer.
    private static (DateTimeOffset?, bool, string?) Age(ModuleDeployment deployment) =>
        (deployment.Metadata.CreationTimestamp, !deployment.Metadata.Finalizers.Contains(FinalizerNames.ModuleDeployment),
            deployment.Metadata.Uid);
}
