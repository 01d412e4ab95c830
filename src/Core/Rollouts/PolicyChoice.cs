using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;

namespace ModuleController.Core.Rollouts;

/// <summary>The upgrade policy of a release.</summary>
/// <param name="Chosen">Null: not known yet, or there is nothing to upgrade.</param>
/// <param name="Hold">Why no module is upgraded yet.</param>
/// <param name="Command">The inspection to send now.</param>
internal sealed record PolicyChoice(UpgradePolicy? Chosen, Wait? Hold, RolloutStep.Inspect? Command, DateTimeOffset? RequeueAt)
{
    /// <summary>It waits for the answer of an agent.</summary>
    public bool AwaitsInspection => Hold is { Reason: Reasons.Inspecting or Reasons.InspectionFailed };

    /// <summary>The policy of the spec, if the jars allow it. Where the spec has none, it follows from the jars.</summary>
    public static PolicyChoice Of(Context context)
    {
        var deployment = context.Deployment;
        var requested = UpgradePolicies.Requested(deployment);
        if (requested is UpgradePolicy.UninstallThenInstall or UpgradePolicy.ScaleUpThenScaleDown) return Known(requested);
        var previous = context.Previous;
        if (previous?.UpdateRevision == context.RevisionHash && UpgradePolicies.Parse(previous.UpgradePolicy) is { } chosen
            && (requested is null || requested == chosen)) return Known(chosen);
        var old = context.Old.Where(set => set.HasLiveModules).ToList();
        if (old.Count == 0) return Known(requested);
        var module = deployment.Spec.Template.Spec.Module;
        if (old.TrueForAll(set => set.ReplicaSet.Spec.Template.Spec.Module.Version == module.Version) || context.Desired == 0)
            return Known(UpgradePolicy.UninstallThenInstall);

        // Inspected once: the status keeps the policy of this revision.
        var inspecting = new Wait(Reasons.Inspecting,
            $"the jar of {module.Name} {module.Version} is inspected to choose the upgrade policy", StopsClock: false);
        if (context.Updated is not { } updated) return new(null, inspecting, null, null);
        var found = Inspection.Of(context.State, updated, context.Now);
        return (found, requested) switch
        {
            ({ Policy: { } policy }, null) => Known(policy),
            ({ Policy: UpgradePolicy.InstallThenUninstall }, _) => Known(requested),
            ({ Policy: not null }, _) => new(null, new(Reasons.WebContextPathConflict,
                $"{module.Name} {module.Version} has the web context path of the version that serves, so no JVM can hold both: use "
                + "uninstall_then_install, or leave operationStrategy.upgradePolicy unset", StopsClock: false), null, null),
            ({ Failure: { } failure }, _) => new(null,
                new(Reasons.InspectionFailed, $"the new jar can't be inspected: {failure}", StopsClock: false),
                found.Command, found.RequeueAt),
            _ => new(null, inspecting, found.Command, found.RequeueAt),
        };
    }

    private static PolicyChoice Known(UpgradePolicy? policy) => new(policy, null, null, null);
}
