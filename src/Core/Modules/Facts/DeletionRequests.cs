using ModuleController.Core.Modules.Names;

namespace ModuleController.Core.Modules.Facts;

/// <summary>Which Modules a user deletes by label.</summary>
public static class DeletionRequests
{
    public static bool IsRequested(Module module) =>
        module.Metadata.Labels.ContainsKey(Labels.DeleteModule) || module.Metadata.Labels.ContainsKey(Labels.DeleteModuleDirectly);

    /// <summary>The ModuleDeployment was lowered for this Module: nothing replaces it.</summary>
    public static bool IsGranted(ModuleDeployment deployment, Module module) =>
        !deployment.Spec.IsSymmetric && IsRequested(module) && Recorded(deployment).Contains(module.Metadata.Uid!);

    /// <summary>The UIDs of the Modules that the ModuleDeployment was lowered for, the newest last.</summary>
    public static IReadOnlyList<string> Recorded(ModuleDeployment deployment) =>
        (deployment.Metadata.Annotations.GetValueOrDefault(Annotations.DeletedModules) ?? "")
        .Split(',', StringSplitOptions.RemoveEmptyEntries);
}
