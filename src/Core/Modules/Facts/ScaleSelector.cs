using ModuleController.Core.Modules.Names;

namespace ModuleController.Core.Modules.Facts;

/// <summary>Selects the pods that an autoscaler attributes to a ModuleDeployment: the selector of its scale.</summary>
/// <remarks>
/// An HPA whose pods another HPA selects, too, is switched off (AmbiguousSelector). By default the selector selects no pod,
/// so each module of a base and the base itself can have one.
/// </remarks>
public static class ScaleSelector
{
    /// <summary>The annotation's value that selects the base pods on which the module serves.</summary>
    public const string BasePods = "base-pods";

    public static string Of(ModuleDeployment deployment) => Requested(deployment) == BasePods
        ? $"{Labels.Traffic(deployment.Spec.Template.Spec.Module.Name)}=true"
        : $"{Labels.ModuleDeployment}={LabelValues.Of(deployment.Metadata.Name)}";

    /// <summary>The value that is not supported; null: the annotation is absent or supported.</summary>
    public static string? Unsupported(ModuleDeployment deployment) =>
        Requested(deployment) is { } value && value != BasePods ? value : null;

    private static string? Requested(ModuleDeployment deployment) =>
        deployment.Metadata.Annotations.GetValueOrDefault(Annotations.ScaleSelector);
}
