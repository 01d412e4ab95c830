using ModuleController.Core.Modules;
using ModuleController.Core.Planning;
using ModuleController.Core.Tests.World;

namespace ModuleController.Core.Tests.Rollout;

public class ReplicasTests
{
    [Theory]
    // replicas, scaleReplicas, observed -> desired, by scale
    [InlineData(3, 3, 3, 3, false)]
    [InlineData(5, 3, 3, 5, false)]       // replicas is the change
    [InlineData(3, 5, 3, 5, true)]        // scale is the change
    [InlineData(5, 5, 3, 5, true)]        // both, and equal: done but for the note, and nothing begins
    [InlineData(5, 7, 3, 5, false)]       // both, and different: replicas wins
    [InlineData(3, null, 3, 3, false)]    // after a kubectl replace: absent is never 0
    [InlineData(4, null, 3, 4, false)]
    [InlineData(null, 3, 3, 3, false)]
    [InlineData(null, 4, 3, 4, true)]
    [InlineData(3, 5, null, 3, false)]    // first sight
    [InlineData(3, null, null, 3, false)]
    [InlineData(null, null, null, 0, false)]
    [InlineData(null, null, 3, 0, false)]
    [InlineData(0, 3, 3, 0, false)]
    [InlineData(2, 4, 4, 2, false)]       // -1 was left: scaleReplicas still shows the base's pods
    public void Whichever_differs_from_what_was_observed_is_the_change(int? replicas, int? scale, int? observed, int desired, bool isByScale)
    {
        var seen = RolloutReplicas.Of(Deployment(replicas, scale, observed), basePods: 9);
        Assert.Equal((desired, desired, desired, isByScale), (seen.Desired, seen.Replicas, seen.ScaleReplicas, seen.IsByScale));
        Assert.Equal(replicas is null && scale is null, seen.IsUnset);
    }

    [Theory]
    [InlineData(4, 4, false)]
    [InlineData(4, null, false)]   // just became symmetric
    [InlineData(7, 4, true)]       // someone scaled
    [InlineData(5, 4, false)]      // we wrote it, and crashed before the note
    [InlineData(null, 4, false)]
    public void Symmetric_follows_the_base_and_scale_is_ignored(int? scale, int? observed, bool isIgnored)
    {
        var seen = RolloutReplicas.Of(Deployment(-1, scale, observed), basePods: 5);
        Assert.Equal((5, -1, 5, isIgnored), (seen.Desired, seen.Replicas, seen.ScaleReplicas, seen.IsScaleIgnored));
    }

    [Theory]
    [InlineData(5, 3)]
    [InlineData(3, 5)]
    public void A_change_is_applied_then_copied_then_noted(int replicas, int scale)
    {
        var world = new SmallWorld();
        for (var i = 0; i < 5; i++) world.AddPod($"base-{i}");
        world.Deployments["shop"] = A.ModuleDeployment(replicas: 3);
        world.Settle();
        world.Deployments["shop"] = world.Deployments["shop"].With(spec => spec with { Replicas = replicas, ScaleReplicas = scale });

        world.StepRollout("shop");
        Assert.Equal(5, world.ReplicaSets.Values.Single().Spec.Replicas);
        Assert.Equal((replicas, scale, 3), Numbers(world));
        world.StepRollout("shop");
        Assert.Equal((5, 5, 3), Numbers(world));
        world.StepRollout("shop");
        Assert.Equal((5, 5, 5), Numbers(world));
        world.Settle();
        Assert.Equal(5, world.Modules.Count);
    }

    [Fact]
    public void A_scale_is_no_new_release_not_even_between_its_copy_and_its_note()
    {
        var world = new SmallWorld();
        for (var i = 0; i < 12; i++) world.AddPod($"base-{i}");
        world.Deployments["shop"] = A.ModuleDeployment(replicas: 4).Policy(UpgradePolicy.UninstallThenInstall)
            .Strategy(strategy => strategy with { BatchCount = 3 });
        world.Settle();
        world.Deployments["shop"] = world.Deployments["shop"].Strategy(strategy => strategy with { NeedConfirm = true })
            .With(spec => spec with { Template = A.Template("shop", "2.0.0") });
        world.Settle();
        Assert.Equal((1, 2), Stage(world));
        world.Deployments["shop"] = world.Deployments["shop"].With(spec => spec with { ScaleReplicas = 12 });
        world.Settle();
        Assert.Equal((12, 12, 12), Numbers(world));
        Assert.Equal((1, 4), Stage(world));
    }

    private static (int?, int?) Stage(SmallWorld world) =>
        (world.Deployments["shop"].Status.ReleaseStatus!.CurrentBatch, world.Deployments["shop"].Status.UpdatedAvailableReplicas);

    private static (int?, int?, int?) Numbers(SmallWorld world)
    {
        var deployment = world.Deployments["shop"];
        return (deployment.Spec.Replicas, deployment.Spec.ScaleReplicas, deployment.Status.ObservedReplicas);
    }

    private static ModuleDeployment Deployment(int? replicas, int? scale, int? observed) =>
        A.ModuleDeployment().With(spec => spec with { Replicas = replicas, ScaleReplicas = scale }) with { Status = new() { ObservedReplicas = observed } };
}
