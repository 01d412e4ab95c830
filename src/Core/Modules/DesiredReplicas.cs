namespace ModuleController.Core.Modules;

/// <summary>How many modules are desired, and what <c>replicas</c> and <c>scaleReplicas</c> should say.</summary>
/// <param name="Desired">The number that counts now.</param>
/// <param name="Replicas">What spec.replicas should be, once the goals are set.</param>
/// <param name="ScaleReplicas">What spec.scaleReplicas should be, once the goals are set.</param>
public sealed record DesiredReplicas(int Desired, int? Replicas, int? ScaleReplicas)
{
    /// <summary>One on every base pod, in spec.replicas and in status.observedReplicas.</summary>
    public const int Symmetric = -1;

    /// <summary>The change came through the scale subresource.</summary>
    public bool IsByScale { get; init; }

    /// <summary>Someone scaled what follows its base.</summary>
    public bool IsScaleIgnored { get; init; }

    /// <summary>Neither field is set and no number is known: 0, as in v1, with a Warning.</summary>
    public bool IsUnset { get; init; }

    /// <summary>Whichever differs from what was observed is the change; an absent one yields; else <c>replicas</c> wins.</summary>
    /// <remarks>First the goals are set, then the other field is written, then <c>observedReplicas</c>: a crash in between
    /// repeats and harms nothing.</remarks>
    public static DesiredReplicas Of(ModuleDeployment deployment, int basePods)
    {
        var (replicas, scale, observed) =
            (deployment.Spec.Replicas, deployment.Spec.ScaleReplicas, deployment.Status.ObservedReplicas);
        if (deployment.Spec.IsSymmetric)
            return new(basePods, Symmetric, basePods)
            {
                // The number of base pods is copied as soon as it changes, so another one that differs now is someone else's.
                IsScaleIgnored = observed is not null && scale is not null && scale != basePods && Reported(deployment.Status) == basePods,
            };
        // Left out, as by kubectl replace: the number that is known stays, that of a release under way first.
        if (replicas is null && scale is null)
            return (deployment.Status.ReleaseStatus?.PendingReplicas ?? observed) is { } known ? Same(known) : Same(0) with { IsUnset = true };
        if (replicas is null) return Same(scale!.Value) with { IsByScale = scale != observed };
        // Set back before the number that began a release was observed: the other field is our own copy, no wish to scale.
        var isPending = deployment.Status.ReleaseStatus?.PendingReplicas is not null;
        var isScaled = scale is not null && scale != replicas && replicas == observed && !isPending;
        // Both say the same that was not observed yet: copied, and done with.
        return Same(isScaled ? scale!.Value : replicas.Value) with { IsByScale = isScaled || (scale == replicas && scale != observed) };
    }

    /// <summary>Fewer by so many, written so that it takes effect at once, as by scale: into the field that is the change.
    /// While a change of <c>replicas</c> is under way, that one is lowered, since it would win.</summary>
    public static ModuleDeployment Lowered(ModuleDeployment deployment, int by)
    {
        var spec = deployment.Spec;
        var number = Math.Max(0, Of(deployment, basePods: 0).Desired - by);
        var isUnderWay = spec.Replicas is not null && spec.Replicas != deployment.Status.ObservedReplicas;
        return deployment with { Spec = isUnderWay ? spec with { Replicas = number, ScaleReplicas = number } : spec with { ScaleReplicas = number } };
    }

    /// <summary>The number that the status was last written for.</summary>
    private static int Reported(ModuleDeploymentStatus status) => (status.AvailableReplicas ?? 0) + (status.UnavailableReplicas ?? 0);

    private static DesiredReplicas Same(int number) => new(Math.Max(0, number), Math.Max(0, number), Math.Max(0, number));
}
