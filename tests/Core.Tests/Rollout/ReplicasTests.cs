using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Facts;
using ModuleController.Core.Modules.Names;
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
    [InlineData(null, null, 3, 3, false)]    // after a kubectl replace of a manifest without replicas
    [InlineData(0, 3, 3, 0, false)]
    [InlineData(2, 4, 4, 2, false)]       // -1 was left: scaleReplicas still shows the base's pods
    public void Whichever_differs_from_what_was_observed_is_the_change(int? replicas, int? scale, int? observed, int desired,
        bool isByScale)
    {
        var seen = DesiredReplicas.Of(Deployment(replicas, scale, observed), basePods: 9);
        Assert.Equal((desired, desired, desired, isByScale), (seen.Desired, seen.Replicas, seen.ScaleReplicas, seen.IsByScale));
        Assert.Equal(replicas is null && scale is null && observed is null, seen.IsUnset);
    }

    [Theory]
    [InlineData(4, -1, 4, false)]     // a pod was added
    [InlineData(4, null, 5, false)]   // just became symmetric
    [InlineData(7, -1, 5, true)]      // someone scaled
    [InlineData(7, 4, 5, true)]       // the same, with a status of an older controller
    [InlineData(5, -1, 4, false)]     // copied, and stopped before the status was written
    [InlineData(null, -1, 5, false)]
    public void Symmetric_follows_the_base_and_scale_is_ignored(int? scale, int? observed, int reported, bool isIgnored)
    {
        var deployment = Deployment(-1, scale, observed);
        var seen = DesiredReplicas.Of(
            deployment with { Status = deployment.Status with { AvailableReplicas = reported - 1, UnavailableReplicas = 1 } }, basePods: 5);
        Assert.Equal((5, -1, 5, isIgnored), (seen.Desired, seen.Replicas, seen.ScaleReplicas, seen.IsScaleIgnored));
    }

    [Theory, InlineData(3), InlineData(-1)]
    public void Leaving_out_replicas_scales_nothing_and_warns_of_nothing(int replicas)
    {
        var world = new SmallWorld();
        for (var i = 0; i < 3; i++) world.AddPod($"base-{i}");
        world.Deployments["shop"] = A.ModuleDeployment(replicas: replicas);
        world.Settle();
        Assert.Equal((replicas, 3, replicas), Numbers(world));
        world.Events.Clear();
        var modules = world.Modules.Keys.ToList();

        // kubectl replace leaves out both fields, kubectl apply the one that the manifest had.
        foreach (var scale in (int?[])[null, 3])
        {
            world.Deployments["shop"] = world.Deployments["shop"].With(spec => spec with { Replicas = null, ScaleReplicas = scale });
            world.Settle();
            Assert.Equal((replicas, 3, replicas), Numbers(world));
            Assert.Equal(modules, world.Modules.Keys);
            Assert.Empty(world.Events);
        }
    }

    [Fact]
    public void Leaving_out_replicas_in_the_middle_of_a_release_keeps_the_number_that_began_it()
    {
        var world = new SmallWorld();
        for (var i = 0; i < 6; i++) world.AddPod($"base-{i}");
        world.Deployments["shop"] = A.ModuleDeployment(replicas: 2);
        world.Settle();
        world.Deployments["shop"] = world.Deployments["shop"].With(spec => spec with { Replicas = 6 });
        world.StepRollout("shop");
        world.Deployments["shop"] = world.Deployments["shop"].With(spec => spec with { Replicas = null, ScaleReplicas = null });
        world.Settle();
        Assert.Equal((6, 6, 6), Numbers(world));
        Assert.Equal(6, world.Modules.Count);
    }

    [Fact]
    public void A_base_that_grows_under_a_symmetric_one_is_no_scale()
    {
        var world = new SmallWorld();
        world.AddPod("base-0");
        world.Deployments["shop"] = A.ModuleDeployment(replicas: -1);
        world.Settle();
        for (var i = 1; i < 5; i++)
        {
            world.AddPod($"base-{i}");
            world.Deployments["shop"] = world.Deployments["shop"].With(spec => spec with { Template = A.Template("shop", $"{i}.0.0") });
            world.Settle();
        }

        Assert.Equal((-1, 5, -1), Numbers(world));
        Assert.DoesNotContain(world.Events, planned => planned.Reason == Reasons.ScaleIgnored);
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
        A.ModuleDeployment()
            .With(spec => spec with { Replicas = replicas, ScaleReplicas = scale }) with
        { Status = new() { ObservedReplicas = observed } };
}
