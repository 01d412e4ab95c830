using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.Core.Tests.World;
using static ModuleController.Core.Tests.Rollout.Releases;

namespace ModuleController.Core.Tests.Rollout;

/// <summary>What a release waits for.</summary>
public sealed class ReleaseWaitTests
{
    [Fact]
    public void The_deadline_is_looked_at_when_it_is_due()
    {
        var world = WorldOf(3);
        world.StepRollout("shop");
        world.StepRollout("shop");
        Assert.Equal(A.Time.AddSeconds(600), Plan(world).RequeueAt);
    }

    [Fact]
    public void A_release_without_any_place_waits_and_its_clock_stands()
    {
        var world = WorldOf(2);
        foreach (var key in world.Pods.Keys.ToList()) world.Pods[key] = world.Pods[key] with { Refusal = "is not Ready" };
        world.Settle();
        Assert.Equal((Condition.Unknown, Reasons.NoEligibleBase), (Progressing(world).Status, Progressing(world).Reason));
        Assert.Equal("0 of 2 base pods are eligible: 2 are not Ready", Progressing(world).Message);
        world.Now = world.Now.AddHours(1);
        Assert.Equal(Condition.Unknown, Progressing(Plan(world).Status!).Status);

        foreach (var key in world.Pods.Keys.ToList()) world.Pods[key] = world.Pods[key] with { Refusal = null };
        world.Settle();
        Assert.Equal(Reasons.ReleaseCompleted, Progressing(world).Reason);
    }

    [Fact]
    public void One_without_a_place_does_not_hold_up_the_release()
    {
        var world = WorldOf(2, replicas: 3);
        world.Settle();
        var status = world.Deployments["shop"].Status;
        Assert.Equal((ReleaseProgress.Completed, 2, 1),
            (status.ReleaseStatus!.Progress, status.AvailableReplicas, status.UnavailableReplicas));
    }

    [Fact]
    public void The_gap_that_an_upgrade_would_leave_is_the_reason_it_waits_for()
    {
        var world = WorldOf(1);
        world.Settle();
        Release(world, "2.0.0");
        Assert.Equal(Reasons.WouldInterruptService, Progressing(world).Reason);
        Assert.Contains("maxUnavailable", Progressing(world).Message, StringComparison.Ordinal);
        Assert.Equal(1, world.Deployments["shop"].Status.AvailableReplicas);

        world.AddPod("base-9");
        world.Settle();
        Assert.Equal(("2.0.0", "base-9"), (world.Modules.Values.Single().Spec.Module.Version, world.Modules.Values.Single().Spec.PodName));
    }

    [Fact]
    public void A_batch_is_done_only_when_its_modules_served_for_min_ready_seconds()
    {
        var world = WorldOf(2);
        Change(world, spec => spec with { MinReadySeconds = 30 });
        world.Settle();
        var status = world.Deployments["shop"].Status;
        Assert.Equal((2, 0, ReleaseProgress.Executing), (status.ReadyReplicas, status.AvailableReplicas, status.ReleaseStatus!.Progress));
        Assert.Equal(A.Time.AddSeconds(30), Plan(world).RequeueAt);
        world.Now = world.Now.AddSeconds(30);
        world.Settle();
        Assert.Equal((2, ReleaseProgress.Completed),
            (world.Deployments["shop"].Status.AvailableReplicas, world.Deployments["shop"].Status.ReleaseStatus!.Progress));
    }

    [Fact]
    public void A_release_is_not_done_before_its_last_module_is_available()
    {
        var world = WorldOf(3);
        world.StepRollout("shop");
        world.StepRollout("shop");
        world.StepPlacement();
        foreach (var name in world.Modules.Keys.Take(2).ToList()) world.StepModule(name);
        Assert.Equal((2, ReleaseProgress.Executing),
            (Plan(world).Status!.UpdatedAvailableReplicas, Plan(world).Status!.ReleaseStatus!.Progress));
        world.StepModule(world.Modules.Keys.Last());
        Assert.Equal(ReleaseProgress.Completed, Plan(world).Status!.ReleaseStatus!.Progress);
    }
}
