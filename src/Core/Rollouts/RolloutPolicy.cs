using ModuleController.Core.Modules;

namespace ModuleController.Core.Rollouts;

/// <summary>Which upgrade policy holds for a release.</summary>
/// <param name="Chosen">Null: not known yet, or there is nothing to upgrade.</param>
/// <param name="Hold">Why no module may be touched yet.</param>
/// <param name="Command">What has to be asked now.</param>
internal sealed record RolloutPolicy(UpgradePolicy? Chosen, RolloutHold? Hold, RolloutStep.Inspect? Command, DateTimeOffset? RequeueAt)
{
    /// <summary>An agent's answer is waited for.</summary>
    public bool AwaitsInspection => Hold is { Reason: Reasons.Inspecting or Reasons.InspectionFailed };

    /// <summary>What the user asked for, where the jars allow it, or what was found out for this revision.</summary>
    public static RolloutPolicy Of(RolloutLook look)
    {
        var deployment = look.Deployment;
        var requested = UpgradePolicies.Requested(deployment);
        if (requested is UpgradePolicy.UninstallThenInstall or UpgradePolicy.ScaleUpThenScaleDown) return Known(requested);
        var before = look.Before;
        if (before?.UpdateRevision == look.RevisionHash && UpgradePolicies.Parse(before.UpgradePolicy) is { } chosen
            && (requested is null || requested == chosen)) return Known(chosen);
        var old = look.Old.Where(RolloutLook.IsCarried).ToList();
        if (old.Count == 0) return Known(requested);
        var module = deployment.Spec.Template.Spec.Module;
        if (old.TrueForAll(set => set.ReplicaSet.Spec.Template.Spec.Module.Version == module.Version) || look.Desired == 0)
            return Known(UpgradePolicy.UninstallThenInstall);

        // Known only once it was looked at: a policy in the status of this revision is not looked at again.
        var inspecting = new RolloutHold(Reasons.Inspecting, $"the jar of {module.Name} {module.Version} is inspected to choose the upgrade policy");
        if (look.Updated is not { } updated) return new(null, inspecting, null, null);
        var found = RolloutInspection.Of(look.State, updated, look.Now);
        return (found, requested) switch
        {
            ({ Policy: { } policy }, null) => Known(policy),
            ({ Policy: UpgradePolicy.InstallThenUninstall }, _) => Known(requested),
            ({ Policy: not null }, _) => new(null, new(Reasons.WebContextPathConflict,
                $"{module.Name} {module.Version} has the web context path of the version that serves, so no JVM can hold both: use "
                + "uninstall_then_install, or leave operationStrategy.upgradePolicy unset"), null, null),
            ({ Failure: { } failure }, _) => new(null, new(Reasons.InspectionFailed, $"the new jar can't be inspected: {failure}"),
                found.Command, found.RequeueAt),
            _ => new(null, inspecting, found.Command, found.RequeueAt),
        };
    }

    private static RolloutPolicy Known(UpgradePolicy? policy) => new(policy, null, null, null);
}
