using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.Core.Rollouts;
using ModuleController.Core.Tests.World;

namespace ModuleController.Core.Tests.Rollout;

/// <summary>Releases of one ModuleDeployment in a small world.</summary>
internal static class Releases
{
    public static SmallWorld WorldOf(int pods, UpgradePolicy policy = UpgradePolicy.UninstallThenInstall, int? replicas = null,
        int? limit = null)
    {
        var world = new SmallWorld();
        for (var i = 0; i < pods; i++) world.AddPod($"base-{i}");
        world.Deployments["shop"] = A.ModuleDeployment(replicas: replicas ?? pods).Policy(policy)
            .With(spec => spec with { RevisionHistoryLimit = limit });
        if (limit is 2) Change(world,
            spec => spec with { OperationStrategy = spec.OperationStrategy with { MaxUnavailable = new(1, false) } });
        return world;
    }

    public static void Change(SmallWorld world, Func<ModuleDeploymentSpec, ModuleDeploymentSpec> change) =>
        world.Deployments["shop"] = world.Deployments["shop"].With(change);

    public static void Release(SmallWorld world, string version)
    {
        world.Now = world.Now.AddSeconds(5);
        Change(world, spec => spec with { Template = A.Template("shop", version) });
        world.Settle();
    }

    public static RolloutPlan Plan(SmallWorld world) => RolloutPlanner.Plan(world.Rollout(world.Deployments["shop"]), world.Now);

    public static Condition Progressing(ModuleDeploymentStatus status) => status.Conditions.Find(DeploymentConditions.Progressing)!;

    public static Condition Progressing(SmallWorld world) => Progressing(world.Deployments["shop"].Status);

    public static Condition Available(ModuleDeploymentStatus status) => status.Conditions.Find(DeploymentConditions.Available)!;

    public static void AssertConverged(SmallWorld world)
    {
        var plan = Plan(world);
        Assert.Empty(plan.Steps);
        Assert.Empty(plan.StepsAfterStatus);
        Assert.Empty(plan.Events);
        Assert.Equal(ResourceText.Of(world.Deployments["shop"].Status), ResourceText.Of(plan.Status!));
    }
}
