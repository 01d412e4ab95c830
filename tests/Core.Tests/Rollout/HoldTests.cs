using ModuleController.Core.Commands;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.Core.Tests.World;

namespace ModuleController.Core.Tests.Rollout;

/// <summary>Pause and freeze: what stops, and what does not.</summary>
public class HoldTests
{
    private static Func<OperationStrategy, OperationStrategy> InThree => strategy => strategy with { BatchCount = 3, NeedConfirm = true };

    [Fact]
    public void Paused_before_the_first_batch_nothing_moves_and_resumed_everything_does()
    {
        var story = Story.Released(6, strategy: strategy => strategy with { BatchCount = 3 });
        story.Pause().Upgrade("2.0.0").Stands("1/3 Paused: 1.0.0 x 6")
            .Reports(Condition.Unknown, Reasons.Paused, "shop 2.0.0: batch 1 of 3: 0 of 6 available, paused");
        Assert.Contains(story.World.Events, planned => planned is { Reason: Reasons.Paused, IsWarning: false });
        story.Pass(100_000).Stands("1/3 Paused: 1.0.0 x 6");
        story.Pause(false).Stands("3/3 Completed: 2.0.0 x 6");
    }

    [Fact]
    public void Paused_in_a_batch_what_is_under_way_finishes_and_nothing_else_begins()
    {
        var story = Story.Released(6, strategy: InThree, policy: UpgradePolicy.UninstallThenInstall).Upgrade("2.0.0");
        story.World.StepRollout(Story.Name);
        story.World.StepRollout(Story.Name);
        story.World.StepPlacement();
        Assert.Equal("1.0.0 x 5, 2.0.0 x 1", story.Versions);
        story.Pause().Stands("1/3 Paused: 1.0.0 x 5, 2.0.0 x 1");
        Assert.Equal(1, story.Status.UpdatedAvailableReplicas);
        story.Pause(false).Stands("1/3 Paused: 1.0.0 x 4, 2.0.0 x 2");
        Assert.Equal(Reasons.WaitingForConfirmation, story.Progressing.Reason);
    }

    [Fact]
    public void Paused_after_a_batch_a_confirmation_is_kept_but_does_not_move_it()
    {
        var story = Story.Released(6, strategy: InThree).Upgrade("2.0.0").Stands("1/3 Paused: 1.0.0 x 4, 2.0.0 x 2");
        story.Pause().Confirm(1).Stands("1/3 Paused: 1.0.0 x 4, 2.0.0 x 2");
        Assert.Equal(Reasons.Paused, story.Progressing.Reason);
        story.Pause(false).Stands("2/3 Paused: 1.0.0 x 2, 2.0.0 x 4");
    }

    [Fact]
    public void A_first_release_that_is_paused_installs_nothing()
    {
        var story = Story.Of(6, strategy: InThree).Pause().Stands("1/3 Paused: ");
        story.Pause(false).Stands("1/3 Paused: 1.0.0 x 2");
        story.Pause().Confirm(1).Stands("1/3 Paused: 1.0.0 x 2");
        story.LosePods(1, "1.0.0").Stands("1/3 Paused: 1.0.0 x 2");
        story.Pause(false).Stands("2/3 Paused: 1.0.0 x 4");
    }

    [Fact]
    public void Paused_or_not_what_is_lost_is_replaced_by_its_own_revision()
    {
        var story = Story.Released(6, strategy: InThree).Upgrade("2.0.0").Stands("1/3 Paused: 1.0.0 x 4, 2.0.0 x 2").Pause().Rest();
        story.LosePods(2, "2.0.0").AddPods(2).Stands("1/3 Paused: 1.0.0 x 4, 2.0.0 x 2");
        story.LosePods(3, "1.0.0").AddPods(3).Stands("1/3 Paused: 1.0.0 x 4, 2.0.0 x 2");
    }

    [Fact]
    public void Scaling_goes_on_while_paused_in_the_last_completed_revision()
    {
        var story = Story.Released(12, replicas: 4, strategy: InThree).Upgrade("2.0.0").Settle().Pause()
            .Stands("1/3 Paused: 1.0.0 x 2, 2.0.0 x 2");
        story.Scale(8).Stands("1/3 Paused: 1.0.0 x 5, 2.0.0 x 3");
        story.Scale(2).Stands("1/3 Paused: 1.0.0 x 1, 2.0.0 x 1");
        story.Scale(6).Pause(false).Stands("1/3 Paused: 1.0.0 x 4, 2.0.0 x 2");
    }

    [Fact]
    public void Paused_a_change_of_replicas_is_applied_as_no_move_between_revisions()
    {
        var story = Story.Released(9, replicas: 3).Pause().Replicas(6).Settle();
        Assert.Equal("1.0.0 x 6", story.Versions);
    }

    [Fact]
    public void Frozen_says_who_froze_what_and_why()
    {
        var story = Story.Released(6, strategy: InThree).Freeze("audit").Upgrade("2.0.0").Stands("1/3 Paused: 1.0.0 x 6")
            .Reports(Condition.Unknown, Reasons.Frozen, "shop 2.0.0: batch 1 of 3: 0 of 6 available, namespace test is frozen by ops: audit");
        story.Pass(100_000).Stands("1/3 Paused: 1.0.0 x 6");
        story.Freeze(null).Stands("1/3 Paused: 1.0.0 x 4, 2.0.0 x 2");
    }

    [Fact]
    public void A_freeze_without_a_reason_does_not_count_and_is_warned_about()
    {
        var story = Story.Released(6).Freeze(" ").Upgrade("2.0.0").Stands("1/1 Completed: 2.0.0 x 6");
        Assert.Contains(story.World.Events, planned => planned is { Reason: Reasons.FreezeWithoutReason, IsWarning: true });
    }

    [Fact]
    public void Frozen_at_batch_1_of_3_a_symmetric_one_grows_in_the_old_version_and_its_share_holds()
    {
        var story = Story.Released(3, replicas: -1, strategy: InThree).Upgrade("2.0.0").Stands("1/3 Paused: 1.0.0 x 2, 2.0.0 x 1");
        story.Freeze("audit").AddPods(3).Stands("1/3 Paused: 1.0.0 x 4, 2.0.0 x 2");
        Assert.Equal((6, 6), (story.Status.AvailableReplicas, story.Deployment.Spec.ScaleReplicas));
        story.Freeze(null).Stands("1/3 Paused: 1.0.0 x 4, 2.0.0 x 2").Confirm(2).Stands("3/3 Completed: 2.0.0 x 6");
    }

    [Fact]
    public void Frozen_a_symmetric_one_that_shrinks_loses_nothing_else()
    {
        var story = Story.Released(6, replicas: -1, strategy: InThree).Upgrade("2.0.0").Stands("1/3 Paused: 1.0.0 x 4, 2.0.0 x 2")
            .Freeze("audit");
        story.LosePods(3, "1.0.0").Stands("1/3 Paused: 1.0.0 x 1, 2.0.0 x 2");
        story.LosePods(2, "2.0.0").Stands("1/3 Paused: 1.0.0 x 1");
        story.Freeze(null).Confirm(2).Settle();
        Assert.Equal("2.0.0 x 1", story.Versions);
    }

    [Fact]
    public void A_web_context_path_that_is_taken_is_found_before_the_first_module_is_touched()
    {
        var story = Story.Released(3);
        story.World.SharePath = true;
        var modules = story.World.Modules.Keys.ToList();
        story.Upgrade("2.0.0").Stands("1/1 Paused: 1.0.0 x 3");
        Assert.Equal(Reasons.WebContextPathConflict, story.Progressing.Reason);
        Assert.Equal(modules, story.World.Modules.Keys);
        story.Strategy(strategy => strategy with { UpgradePolicy = null }).Stands("1/1 Completed: 2.0.0 x 3");
        Assert.Equal(UpgradePolicy.UninstallThenInstall.Text(), story.Release.UpgradePolicy);
    }

    [Fact]
    public void Frozen_deletion_goes_on()
    {
        var story = Story.Released(3).Freeze("audit").Upgrade("2.0.0").Settle().Delete().Settle();
        Assert.Empty(story.World.Deployments);
        Assert.Empty(story.World.Modules);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_rollback_by_itself_is_a_move_too_and_waits(bool isFrozen)
    {
        var story = Story.Released(6,
            strategy: strategy => strategy with { BatchCount = 2, NeedConfirm = true, MaxFailures = 1, AutoRollback = true })
            .Upgrade("2.0.0").Stands("1/2 Paused: 1.0.0 x 3, 2.0.0 x 3");
        if (isFrozen) story.Freeze("audit");
        else story.Pause();
        story.Settle();
        foreach (var module in story.Of("2.0.0").Take(2).ToList())
            story.World.Modules[module.Metadata.Name] = module.Failed(FailureReason.BizStartFailed);
        story.World.BrokenVersions.Add("2.0.0");
        story.Settle();
        Assert.Equal("1.0.0 x 3, 2.0.0 x 3", story.Versions);
        Assert.Equal(ReleaseProgress.Aborted, story.Release.Progress);
        story.Freeze(null).Pause(false).Settle();
        Assert.Equal("1.0.0 x 6", story.Versions);
        Assert.Equal(Reasons.RolledBack, story.Progressing.Reason);
    }
}
