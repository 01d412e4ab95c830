using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.Core.Tests.World;

namespace ModuleController.Core.Tests.Rollout;

public class ConfirmedDeletionTests
{
    [Fact]
    public void It_goes_in_batches_each_confirmed_but_the_last()
    {
        var story = Deleted(6).Rest();
        Assert.Equal("1/3 Terminating: 1.0.0 x 4", story.Stand);
        story.Reports(Condition.Unknown, Reasons.WaitingForConfirmation,
            "batch 1 of 3: 4 modules are left to be uninstalled, waiting for confirmation of batch 1");
        story.Pass(100_000).Rest();
        Assert.Equal("1/3 Terminating: 1.0.0 x 4", story.Stand);
        story.Confirm(1).Rest();
        Assert.Equal("2/3 Terminating: 1.0.0 x 2", story.Stand);
        story.Confirm(2).Settle();
        Assert.Empty(story.World.Deployments);
        Assert.Empty(story.World.ReplicaSets);
        Assert.Equal([Reasons.Terminating, Reasons.WaitingForConfirmation, Reasons.WaitingForConfirmation],
            story.World.Events.Select(planned => planned.Reason));
    }

    [Fact]
    public void Without_confirm_deletion_it_goes_at_once()
    {
        var story = Deleted(6, strategy => strategy with { BatchCount = 3, NeedConfirm = true }).Settle();
        Assert.Empty(story.World.Deployments);
        Assert.Empty(story.World.Modules);
    }

    [Fact]
    public void Taking_the_field_back_deletes_the_rest_at_once()
    {
        var story = Deleted(6).Settle().Strategy(strategy => strategy with { ConfirmDeletion = false }).Settle();
        Assert.Empty(story.World.Deployments);
    }

    [Fact]
    public void What_was_confirmed_for_a_release_does_not_confirm_the_deletion()
    {
        var story = Story.Released(6, strategy: InThree).Confirm(2).Delete().Rest();
        Assert.Equal("1/3 Terminating: 1.0.0 x 4", story.Stand);
        story.Confirm(1).Rest();
        Assert.Equal("2/3 Terminating: 1.0.0 x 2", story.Stand);
    }

    [Fact]
    public void The_verb_confirms_even_the_number_that_is_ignored_wherever_the_process_dies()
    {
        for (var calls = 0; calls < 5; calls++)
        {
            var story = Story.Released(6, strategy: InThree).Confirm(1).Delete().Rest();
            Assert.Equal("1/3 Terminating: 1.0.0 x 4", story.Stand);
            story.Act("confirm").World.StepRollout(Story.Name, calls);
            story.Rest();
            Assert.Equal("2/3 Terminating: 1.0.0 x 2", story.Stand);
        }
    }

    [Fact]
    public void The_number_that_is_ignored_counts_after_it_was_changed()
    {
        var story = Story.Released(6, strategy: InThree).Confirm(1).Delete().Rest().Confirm(0).Rest().Confirm(1).Rest();
        Assert.Equal("2/3 Terminating: 1.0.0 x 2", story.Stand);
    }

    [Fact]
    public void The_verb_in_the_moment_in_which_it_begins_does_not_count_for_it_wherever_the_process_dies()
    {
        for (var calls = 0; calls < 5; calls++)
        {
            var story = Story.Released(6, strategy: InThree).Confirm(2).Upgrade("2.0.0").Settle();
            story.Confirm(1).Act("confirm 2").Delete().World.StepRollout(Story.Name, calls);
            story.Rest();
            Assert.Equal("1/3 Terminating: 1.0.0 x 2, 2.0.0 x 2", story.Stand);
        }
    }

    [Fact]
    public void Nothing_is_made_anew_and_what_is_lost_counts_as_gone()
    {
        var story = Deleted(6).Rest().LosePods(2, "1.0.0").AddPods(2).Rest();
        Assert.Equal("1/3 Terminating: 1.0.0 x 2", story.Stand);
        story.Confirm(1).Rest();
        Assert.Equal("2/3 Terminating: 1.0.0 x 2", story.Stand);
        story.Act("promote").Settle();
        Assert.Empty(story.World.Deployments);
    }

    [Fact]
    public void In_mid_release_the_older_revision_goes_first()
    {
        var story = Story.Released(6, strategy: InThree).Upgrade("2.0.0").Settle().Delete().Rest();
        Assert.Equal("1/3 Terminating: 1.0.0 x 2, 2.0.0 x 2", story.Stand);
        story.Confirm(1).Rest();
        Assert.Equal("2/3 Terminating: 2.0.0 x 2", story.Stand);
        story.Confirm(2).Settle();
        Assert.Empty(story.World.Deployments);
    }

    [Fact]
    public void An_upgrade_that_was_under_way_does_not_hold_it_up()
    {
        var story = Story.Released(2, strategy: InThree, policy: UpgradePolicy.UninstallThenInstall);
        story.Strategy(strategy => strategy with { UpgradePolicy = UpgradePolicy.InstallThenUninstall.Text(), BatchCount = 2 })
            .Upgrade("2.0.0");
        for (var i = 0; i < 3; i++) story.World.StepRollout(Story.Name);
        story.World.StepPlacement();
        Assert.Equal("1.0.0 x 2, 2.0.0 x 1", story.Versions);
        story.World.BrokenVersions.Add("2.0.0");
        story.Settle().Delete().Settle().Confirm(1).Settle();
        Assert.Empty(story.World.Deployments);
    }

    [Theory]
    [InlineData("abort")]
    [InlineData("retry")]
    [InlineData("undo")]
    [InlineData("undo-fast")]
    [InlineData("redeploy")]
    public void What_would_release_something_is_refused(string action)
    {
        var story = Story.Released(6, strategy: InThree).Upgrade("2.0.0").Settle().Delete().Rest().Act(action).Rest();
        Assert.Contains(story.World.Events, planned => planned is { Reason: Reasons.ActionRefused });
        Assert.Equal("2.0.0", story.Deployment.Spec.Template.Spec.Module.Version);
    }

    private static OperationStrategy InThree(OperationStrategy strategy) =>
        strategy with { BatchCount = 3, NeedConfirm = true, ConfirmDeletion = true };

    private static Story Deleted(int pods, Func<OperationStrategy, OperationStrategy>? strategy = null)
    {
        var story = Story.Released(pods, strategy: strategy ?? InThree);
        story.World.Events.Clear();
        return story.Delete();
    }
}
