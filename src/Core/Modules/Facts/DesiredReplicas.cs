namespace ModuleController.Core.Modules.Facts;

/// <summary>How many modules are desired, and the values that <c>replicas</c> and <c>scaleReplicas</c> should have.</summary>
/// <param name="Replicas">For spec.replicas, once the goals are set.</param>
/// <param name="ScaleReplicas">For spec.scaleReplicas, once the goals are set.</param>
public sealed record DesiredReplicas(int Desired, int? Replicas, int? ScaleReplicas)
{
    /// <summary>One on every base pod, in spec.replicas and in status.observedReplicas.</summary>
    public const int Symmetric = -1;

    /// <summary>The change came through the scale subresource.</summary>
    public bool IsByScale { get; init; }

    /// <summary>A user scaled a ModuleDeployment with a module on every base pod.</summary>
    public bool IsScaleIgnored { get; init; }

    /// <summary>Neither field is set and no number is known: 0, as in v1, with a Warning.</summary>
    public bool IsUnset { get; init; }

    /// <summary>The field that differs from <c>observedReplicas</c> is the change. An absent field is none. If both differ,
    /// <c>replicas</c> wins.</summary>
    /// <remarks>First the goals are set, then the other field is written, then <c>observedReplicas</c>: after a crash the same is done
    /// again.</remarks>
    public static DesiredReplicas Of(ModuleDeployment deployment, int basePods)
    {
        var (replicas, scale, observed) =
            (deployment.Spec.Replicas, deployment.Spec.ScaleReplicas, deployment.Status.ObservedReplicas);
        if (deployment.Spec.IsSymmetric)
            return new(basePods, Symmetric, basePods)
            {
                // The number of base pods is copied as soon as it changes, so a user wrote another number.
                IsScaleIgnored = observed is not null && scale is not null && scale != basePods && Reported(deployment.Status) == basePods,
            };
        // Left out, as by kubectl replace: the known number stays, first that of the current release.
        if (replicas is null && scale is null)
            return (deployment.Status.ReleaseStatus?.PendingReplicas ?? observed) is { } known
                ? Same(known)
                : Same(0) with { IsUnset = true };
        if (replicas is null) return Same(scale!.Value) with { IsByScale = scale != observed };
        // replicas was set back before the number that began a release was observed: the other field is our copy, not a scale.
        var isPending = deployment.Status.ReleaseStatus?.PendingReplicas is not null;
        var isScaled = scale is not null && scale != replicas && replicas == observed && !isPending;
        // Both have the same number, which was not observed yet: it was copied.
        return Same(isScaled ? scale!.Value : replicas.Value) with { IsByScale = isScaled || (scale == replicas && scale != observed) };
    }

    /// <summary>The ModuleDeployment with fewer modules, at once, as by scale. While a change of <c>replicas</c> is under way, that
    /// field is lowered, since it wins.</summary>
    public static ModuleDeployment Lowered(ModuleDeployment deployment, int by)
    {
        var spec = deployment.Spec;
        var number = Math.Max(0, Of(deployment, basePods: 0).Desired - by);
        var isUnderWay = spec.Replicas is not null && spec.Replicas != deployment.Status.ObservedReplicas;
        var lowered = spec with { ScaleReplicas = number };
        return deployment with { Spec = isUnderWay ? lowered with { Replicas = number } : lowered };
    }

    /// <summary>The number that the status was last written for.</summary>
    private static int Reported(ModuleDeploymentStatus status) => (status.AvailableReplicas ?? 0) + (status.UnavailableReplicas ?? 0);

    private static DesiredReplicas Same(int number) => new(Math.Max(0, number), Math.Max(0, number), Math.Max(0, number));
}
