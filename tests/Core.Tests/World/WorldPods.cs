using ModuleController.Core.Agents;
using ModuleController.Core.BasePods;
using ModuleController.Core.Commands;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.Core.Placement;

namespace ModuleController.Core.Tests.World;

/// <summary>What agents and the base pod's reconciler do.</summary>
internal static class WorldPods
{
    /// <summary>What an agent and the base pod's reconciler would do next for one Module. True: something changed.</summary>
    public static bool StepModule(this SmallWorld world, string name)
    {
        var module = world.Modules[name];
        if (!module.IsBound || world.SilentPods.Contains(module.Spec.PodName!)) return false;
        if (module.Metadata.IsDeleting
            || (module.Metadata.Controller is { } owner
                && !world.ReplicaSets.Values.Any(set => set.Metadata.Uid == owner.Uid))) return world.Modules.Remove(name);
        if (module.IsAvailable || (world.Stuck.Contains(name) && module.Status.Status == ModulePhase.Failed)
            || !world.Pods.Values.Any(pod => pod.Uid == module.Spec.PodUid)) return false;
        var replaced = world.Modules.Values.FirstOrDefault(other => other.Metadata.Uid == module.Spec.Replaces);
        var deployment = world.Deployments.Values.First(deployment => deployment.Spec.Template.Spec.Module.Name == module.Spec.Module.Name);
        if (replaced is not null && replaced.Spec.PodUid == module.Spec.PodUid
            && UpgradePolicies.Between(deployment, replaced.Spec.Module, module.Spec.Module) == UpgradePolicy.UninstallThenInstall)
            return !replaced.Metadata.IsDeleting && Stage(world, module);
        var isBroken = world.BrokenVersions.Contains(module.Spec.Module.Version);
        var status = isBroken
            ? Failure(world, module)
            : module.Status with
            {
                Status = ModulePhase.Available,
                InstalledAt = world.Now,
                LastError = null,
                Conditions = module.Status.Conditions.With(
                    new() { Type = ModuleConditions.TrafficReady, Status = Condition.True }, world.Now),
            };
        if (isBroken ? module.Status.LastError is not null : status.Status == module.Status.Status) return false;
        world.Modules[name] = module with { Status = status };
        return true;
    }

    private static bool Stage(SmallWorld world, Module module)
    {
        var pod = world.Pods.Values.First(pod => pod.Uid == module.Spec.PodUid);
        if (!pod.CanFetch || pod.Staged.Contains(module.Metadata.Uid!)) return false;
        world.Pods[pod.Name] = pod with { Staged = pod.Staged.Append(module.Metadata.Uid!).ToHashSet() };
        return true;
    }

    // Where the revision has served, or this very Module, its artifact is good: the same one is tried again.
    private static ModuleStatus Failure(SmallWorld world, Module module)
    {
        var set = world.ReplicaSets.Values.First(set => set.Metadata.Uid == module.Metadata.Controller!.Uid);
        var hasServed = set.Metadata.Annotations.ContainsKey(Annotations.FirstAvailableAt) || module.Status.InstalledAt is not null;
        return module.Status with
        {
            Status = hasServed ? ModulePhase.Pending : ModulePhase.Failed,
            LastError = new() { Reason = nameof(FailureReason.BizStartFailed), Message = "it broke", Time = world.Now },
        };
    }

    /// <summary>The JVM ended: what it had is gone, and comes back; who is blamed, and how, is the base pod's planner's word.</summary>
    public static void EndLife(this SmallWorld world, CandidatePod pod, bool isInstalling)
    {
        var modules = world.Modules.Values.Where(module => module.Spec.PodUid == pod.Uid).Select(InItsLife).ToList();
        var underWay = isInstalling ? modules.Find(module => !module.IsAvailable && module.Status.Status != ModulePhase.Failed) : null;
        var plan = BasePodPlanner.Plan(new()
        {
            Key = new("test", pod.Name),
            Pod = new() { Metadata = new() { Name = pod.Name, Namespace = "test", Uid = pod.Uid }, Status = new() { Phase = "Running" } },
            Modules = [.. modules.Select(module => new PodModule(module, new()) { HasLived = Quarantine.HasLived(SetOf(world, module)) })],
            View = new()
            {
                IsConnected = true,
                LastMessageAt = world.Now,
                State = BaseState.Up,
                Life = new(world.NewUid(), world.Now),
                IsBizKnown = true,
                Interrupted = underWay is null ? [] : [$"{underWay.Metadata.Uid}/install/{underWay.Status.BaseLife}/1"],
            },
            AcceptingSince = A.Time,
        }, world.Now);
        foreach (var change in plan.Statuses) world.Modules[change.Module.Metadata.Name] = change.Module with { Status = change.Status };
    }

    // What the planner of the base pod would have written of the life that ends, and this world does not.
    private static Module InItsLife(Module module) => module with
    {
        Status = module.Status with
        {
            BaseLife = module.Status.BaseLife ?? "first",
            Conditions = module.IsAvailable
                ? module.Status.Conditions.With(new() { Type = ModuleConditions.Installed, Status = Condition.True },
                    module.Status.InstalledAt ?? A.Time)
                : module.Status.Conditions,
        },
    };

    private static ModuleReplicaSet? SetOf(SmallWorld world, Module module) =>
        world.ReplicaSets.Values.FirstOrDefault(set => set.Metadata.Uid == module.Metadata.Controller?.Uid);
}
