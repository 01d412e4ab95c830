namespace ModuleController.Dev.Controllers;

/// <summary>The limits of a rolling update, with Kubernetes' defaults and rounding.</summary>
internal static class DeploymentLimits
{
    public static int DesiredReplicas(this ClusterDeployment deployment) => deployment.Spec.Replicas ?? 1;

    public static bool IsRecreate(this ClusterDeployment deployment) => deployment.Spec.Strategy?.Type == "Recreate";

    /// <summary>A percentage is rounded up: 25 % of 3 is 1.</summary>
    public static int MaxSurge(this ClusterDeployment deployment)
    {
        var value = deployment.Spec.Strategy?.RollingUpdate?.MaxSurge ?? new(25, true);
        return value.IsPercent ? (deployment.DesiredReplicas() * value.Value + 99) / 100 : value.Value;
    }

    public static int MaxUnavailable(this ClusterDeployment deployment)
    {
        var value = deployment.Spec.Strategy?.RollingUpdate?.MaxUnavailable ?? new(25, true);
        var count = value.OfRoundedDown(deployment.DesiredReplicas());
        return count == 0 && deployment.MaxSurge() == 0 ? 1 : count;
    }
}
