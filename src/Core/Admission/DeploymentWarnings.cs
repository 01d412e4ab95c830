using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Facts;
using ModuleController.Core.Modules.Rules;

namespace ModuleController.Core.Admission;

/// <summary>Warns a user about what is allowed in a ModuleDeployment, and has an effect that is easily overlooked.</summary>
/// <remarks>A warning is about a field that is written: who pauses or scales does not read it again.</remarks>
public static class DeploymentWarnings
{
    private const string Strategy = "spec.operationStrategy";

    /// <param name="deployment">As it will be written.</param>
    /// <param name="old">The stored one; null on a create.</param>
    public static IEnumerable<string> Of(ModuleDeployment deployment, ModuleDeployment? old)
    {
        var (source, stored) = (deployment.Spec.Template.Spec.Module, old?.Spec.Template.Spec.Module);
        if (old is null && deployment.Spec is { Replicas: null, ScaleReplicas: null })
            yield return "spec.replicas: is not set, so no module is installed until it is, or the ModuleDeployment is scaled";
        if (IsWithoutDigest(source) && source.ArtifactHash() != stored?.ArtifactHash())
            yield return $"{ModuleRules.ModulePath}.sha256: is not set, so another jar at this url is installed unnoticed";
        if (IsNodePortByDefault(deployment) && (old is null || !IsNodePortByDefault(old)))
            yield return $"{Strategy}.serviceStrategy.type: is not set, so the Service opens a port on every node (NodePort). "
                + "Set ClusterIP if it is only called from pods";
        if (IsFailureLimitBeyond(deployment) && (old is null || HasOtherLimits(deployment, old)))
            yield return $"{Strategy}.maxUnavailable: is not above maxFailures, so failed modules use it up, and the release waits for "
                + "its deadline instead of stopping at maxFailures";
    }

    /// <summary>What is only found out on a create: base and module name do not change.</summary>
    /// <param name="hasBase">Whether the base exists; null: not known.</param>
    /// <param name="ofBase">The ModuleDeployments of the base, as far as they are known.</param>
    public static IEnumerable<string> OfNew(ModuleDeployment deployment, bool? hasBase, IEnumerable<ModuleDeployment> ofBase)
    {
        var (ns, baseName) = (deployment.Metadata.Namespace, deployment.Spec.BaseDeploymentName);
        if (hasBase == false)
            yield return $"spec.baseDeploymentName: there is no Deployment {baseName} in namespace {ns}, so no module is installed "
                + "until it exists";
        var name = deployment.Spec.Template.Spec.Module.Name;
        var other = ofBase.Where(item => item.Metadata.Name != deployment.Metadata.Name && item.Spec.Template.Spec.Module.Name == name)
            .MinBy(item => item.Metadata.CreationTimestamp);
        if (other is not null)
            yield return $"{ModuleRules.ModulePath}.name: {name} on base {baseName} belongs to the older ModuleDeployment "
                + $"{other.Metadata.Name}, so no module is installed while that exists";
    }

    // The jar of a file url is on the pod already.
    private static bool IsWithoutDigest(ModuleSource source) =>
        string.IsNullOrEmpty(source.Sha256) && string.IsNullOrEmpty(source.Md5)
        && !source.Url.StartsWith("file:", StringComparison.OrdinalIgnoreCase);

    private static bool IsNodePortByDefault(ModuleDeployment deployment) =>
        deployment is { ServiceEnabled: true } && string.IsNullOrEmpty(deployment.Spec.OperationStrategy.ServiceStrategy?.Type);

    /// <summary>Only where the old version is uninstalled first does a failed module count for <c>maxUnavailable</c>. With
    /// <c>autoRollback</c>, the deadline leads to the rollback, too.</summary>
    private static bool IsFailureLimitBeyond(ModuleDeployment deployment)
    {
        if (deployment.MaxFailures == 0 || deployment.RollsBackByItself) return false;
        if (UpgradePolicies.Requested(deployment) is UpgradePolicy.InstallThenUninstall or UpgradePolicy.ScaleUpThenScaleDown) return false;
        var isNumber = deployment.Spec.OperationStrategy.MaxUnavailable is { IsPercent: false, Value: > 0 };
        var desired = deployment.Spec.Replicas ?? deployment.Spec.ScaleReplicas ?? 0;
        return (isNumber || desired > 0) && deployment.MaxUnavailable(desired) <= deployment.MaxFailures;
    }

    private static bool HasOtherLimits(ModuleDeployment deployment, ModuleDeployment old)
    {
        var (now, before) = (deployment.Spec.OperationStrategy, old.Spec.OperationStrategy);
        return (now.MaxFailures, now.MaxUnavailable, now.UpgradePolicy, now.AutoRollback)
            != (before.MaxFailures, before.MaxUnavailable, before.UpgradePolicy, before.AutoRollback);
    }
}
