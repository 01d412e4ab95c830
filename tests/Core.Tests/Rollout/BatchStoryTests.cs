using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.Core.Tests.World;

namespace ModuleController.Core.Tests.Rollout;

public class BatchStoryTests
{
    [Fact]
    public void Without_waits_all_batches_follow_each_other_and_each_is_reported()
    {
        var story = Story.Released(10, strategy: strategy => strategy with { BatchCount = 3 });
        story.World.Events.Clear();
        story.Upgrade("2.0.0").Stands("3/3 Completed: 2.0.0 x 10");
        Assert.Equal(
            [
                "batch 1 of 3: shop 2.0.0 for 4 of 10 modules", "batch 2 of 3: shop 2.0.0 for 7 of 10 modules",
                "batch 3 of 3: shop 2.0.0 for 10 of 10 modules", "shop 2.0.0: 10 of 10 modules are available",
            ],
            story.World.Events.Select(planned => planned.Message));
    }

    [Fact]
    public void Nothing_of_the_next_batch_starts_before_each_module_of_this_one_served_long_enough()
    {
        var story = Story.Released(6, strategy: strategy => strategy with { BatchCount = 3 })
            .Change(spec => spec with { MinReadySeconds = 30 });
        story.Pass(60).Upgrade("2.0.0").Stands("1/3 Executing: 1.0.0 x 4, 2.0.0 x 2");
        Assert.Equal((2, 0, 6), (story.Status.UpdatedReadyReplicas, story.Status.UpdatedAvailableReplicas, story.Status.ReadyReplicas));
        story.Pass(29).Stands("1/3 Executing: 1.0.0 x 4, 2.0.0 x 2");
        story.Pass(1).Stands("2/3 Executing: 1.0.0 x 2, 2.0.0 x 4");
        story.Pass(30).Stands("3/3 Executing: 2.0.0 x 6");
        story.Pass(30).Stands("3/3 Completed: 2.0.0 x 6");
    }

    [Fact]
    public void One_module_that_fails_holds_its_batch()
    {
        var story = Story.Released(6, strategy: strategy => strategy with { BatchCount = 3 }, policy: UpgradePolicy.UninstallThenInstall);
        story.World.BrokenVersions.Add("2.0.0");
        story.Upgrade("2.0.0").Stands("1/3 Executing: 1.0.0 x 5, 2.0.0 x 1");
        Assert.StartsWith("shop 2.0.0: batch 1 of 3: 0 of 6 available, 1 failed (BizStartFailed); this artifact is not retried", story.Message,
            StringComparison.Ordinal);
        story.Upgrade("3.0.0").Stands("3/3 Completed: 3.0.0 x 6");
    }

    [Theory]
    [InlineData(3, 3)]
    [InlineData(1, 2)]
    public void A_beta_batch_is_one_single_module_and_always_waits(int batches, int made)
    {
        var story = Story.Released(5, strategy: strategy => strategy with { BatchCount = batches, UseBeta = true });
        story.Upgrade("2.0.0").Stands($"1/{made} Paused: 1.0.0 x 4, 2.0.0 x 1");
        Assert.Equal($"shop 2.0.0: batch 1 of {made}: 1 of 5 available, waiting for confirmation of batch 1", story.Message);
        story.Confirm(1).Stands($"{made}/{made} Completed: 2.0.0 x 5");
    }

    [Fact]
    public void After_the_beta_the_rest_is_split_over_the_other_batches()
    {
        var story = Story.Released(10, strategy: strategy => strategy with { BatchCount = 3, UseBeta = true, NeedConfirm = true });
        story.Upgrade("2.0.0").Stands("1/3 Paused: 1.0.0 x 9, 2.0.0 x 1");
        story.Confirm(1).Stands("2/3 Paused: 1.0.0 x 4, 2.0.0 x 6");
        story.Confirm(2).Stands("3/3 Completed: 2.0.0 x 10");
    }

    [Fact]
    public void Beta_is_for_a_new_revision_only()
    {
        var story = Story.Released(8, replicas: 2, strategy: strategy => strategy with { BatchCount = 2, UseBeta = true });
        story.Replicas(8).Stands("2/2 Completed: 1.0.0 x 8");
        story.Upgrade("2.0.0").Stands("1/2 Paused: 1.0.0 x 7, 2.0.0 x 1");
    }

    [Fact]
    public void There_are_never_more_batches_than_modules_to_change() =>
        Story.Released(2, strategy: strategy => strategy with { BatchCount = 7, NeedConfirm = true })
            .Upgrade("2.0.0").Stands("1/2 Paused: 1.0.0 x 1, 2.0.0 x 1").Confirm(1).Stands("2/2 Completed: 2.0.0 x 2");

    [Fact]
    public void A_first_release_goes_in_batches_too()
    {
        var story = Story.Of(6, strategy: strategy => strategy with { BatchCount = 3, NeedConfirm = true });
        story.Stands("1/3 Paused: 1.0.0 x 2").Confirm(1).Stands("2/3 Paused: 1.0.0 x 4").Confirm(2).Stands("3/3 Completed: 1.0.0 x 6");
        Assert.Equal(0, story.Deployment.Spec.ConfirmBatchNum);
    }

    [Fact]
    public void A_change_of_replicas_goes_in_batches_up_and_down()
    {
        var story = Story.Released(9, replicas: 3, strategy: strategy => strategy with { BatchCount = 3, NeedConfirm = true });
        story.Replicas(9).Stands("1/3 Paused: 1.0.0 x 5").Confirm(1).Stands("2/3 Paused: 1.0.0 x 7").Confirm(2)
            .Stands("3/3 Completed: 1.0.0 x 9");
        story.Replicas(3).Stands("1/3 Paused: 1.0.0 x 7").Confirm(1).Stands("2/3 Paused: 1.0.0 x 5").Confirm(2)
            .Stands("3/3 Completed: 1.0.0 x 3");
    }

    [Fact]
    public void Scaled_to_nothing_and_up_again_with_confirmation()
    {
        var story = Story.Released(4, strategy: strategy => strategy with { BatchCount = 2, NeedConfirm = true });
        story.Replicas(0).Stands("1/2 Paused: 1.0.0 x 2");
        Assert.Equal("shop 1.0.0: batch 1 of 2: 0 of 0 available, 2 to be removed, waiting for confirmation of batch 1", story.Message);
        story.Confirm(1).Stands("2/2 Completed: ");
        story.Replicas(4).Stands("1/2 Paused: 1.0.0 x 2").Confirm(1).Stands("2/2 Completed: 1.0.0 x 4");
    }

    [Fact]
    public void A_release_of_nothing_completes() =>
        Story.Of(2, replicas: 0, strategy: strategy => strategy with { BatchCount = 3, NeedConfirm = true, UseBeta = true })
            .Stands("1/1 Completed: ").Upgrade("2.0.0").Stands("1/1 Completed: ");

    [Fact]
    public void Modules_without_a_place_do_not_count_but_a_batch_of_nothing_else_is_not_done()
    {
        var story = Story.Of(3, replicas: 6, strategy: strategy => strategy with { BatchCount = 3 });
        story.Stands("3/3 Executing: 1.0.0 x 3");
        Assert.Equal((Condition.Unknown, Reasons.NoEligibleBase), (story.Progressing.Status, story.Progressing.Reason));
        story.Pass(10_000).Rest();
        Assert.Equal(Condition.Unknown, story.Progressing.Status);
        story.AddPods(3).Stands("3/3 Completed: 1.0.0 x 6");
    }

    [Fact]
    public void A_batch_that_finds_no_place_at_all_does_not_let_the_next_one_begin()
    {
        var story = Story.Of(1, replicas: 6, strategy: strategy => strategy with { BatchCount = 3 });
        story.World.Pods["base-00"] = story.World.Pods["base-00"] with { Refusal = "is not Ready" };
        story.Stands("1/3 Executing: ");
        Assert.Equal((Condition.Unknown, Reasons.NoEligibleBase), (story.Progressing.Status, story.Progressing.Reason));
        Assert.Equal(2, story.World.Modules.Count);
    }

    [Fact]
    public void The_gray_time_lies_between_the_end_of_a_batch_and_the_start_of_the_next()
    {
        var story = Story.Released(4, strategy: strategy => strategy with { BatchCount = 2, GrayTimeBetweenBatchSeconds = 60 });
        story.Upgrade("2.0.0").Stands("1/2 Executing: 1.0.0 x 2, 2.0.0 x 2");
        var end = story.World.Now.AddSeconds(60);
        Assert.Equal((end, end), (story.Release.NextReconcileTime, story.Plan().RequeueAt));
        story.Reports(Condition.Unknown, Reasons.GrayTime,
            "shop 2.0.0: batch 1 of 2: 2 of 4 available, the next batch begins at 09:01:00 UTC");
        story.Pass(59).Stands("1/2 Executing: 1.0.0 x 2, 2.0.0 x 2");
        story.Pass(1).Stands("2/2 Completed: 2.0.0 x 4");
        Assert.Null(story.Release.NextReconcileTime);
    }

    [Fact]
    public void A_confirmation_ends_the_gray_time()
    {
        var story = Story.Released(4, strategy: strategy => strategy with { BatchCount = 2, GrayTimeBetweenBatchSeconds = 60 });
        story.Upgrade("2.0.0").Stands("1/2 Executing: 1.0.0 x 2, 2.0.0 x 2");
        story.Confirm(1).Stands("2/2 Completed: 2.0.0 x 4");
    }

    [Fact]
    public void A_pause_does_not_make_the_gray_time_longer()
    {
        var story = Story.Released(4, strategy: strategy => strategy with { BatchCount = 2, GrayTimeBetweenBatchSeconds = 60 });
        story.Upgrade("2.0.0").Rest();
        story.Pass(30).Pause().Stands("1/2 Paused: 1.0.0 x 2, 2.0.0 x 2");
        story.Pass(10).Pause(false).Stands("1/2 Executing: 1.0.0 x 2, 2.0.0 x 2");
        Assert.Equal(A.Time.AddSeconds(60), story.Release.NextReconcileTime);
        story.Pass(20).Stands("2/2 Completed: 2.0.0 x 4");
    }

    [Fact]
    public void A_broken_middle_version_is_replaced_first_so_that_the_next_one_gets_on()
    {
        var story = Story.Released(4, policy: UpgradePolicy.UninstallThenInstall);
        story.World.BrokenVersions.Add("2.0.0");
        story.Upgrade("2.0.0").Stands("1/1 Executing: 1.0.0 x 3, 2.0.0 x 1");
        story.Strategy(strategy => strategy with { BatchCount = 2, NeedConfirm = true }).Upgrade("3.0.0")
            .Stands("1/2 Paused: 1.0.0 x 2, 3.0.0 x 2");
        story.Confirm(1).Stands("2/2 Completed: 3.0.0 x 4");
    }
}
