namespace ModuleController.Core.Modules.Facts;

/// <summary>Whether the observed status says how Modules of a template follow others. ModuleDeployments, ReplicaSets and Modules come by
/// watches of their own, in no order: the status may be that of the release before, or from before its policy was chosen.</summary>
public static class ObservedPolicy
{
    public static bool IsOf(ModuleDeployment deployment, ModuleTemplateSpec template)
    {
        if (deployment.Status.ReleaseStatus is not { } release) return false;
        return release.UpdateRevision == Revision.Of(template).Hash()
            ? UpgradePolicies.Parse(release.UpgradePolicy) is not null
            // A rollback. Once the template is another one, a new release begins, with a policy of its own.
            : release.Progress == ReleaseProgress.Aborted
                && release.UpdateRevision == Revision.Of(deployment.Spec.Template).Hash();
    }
}
