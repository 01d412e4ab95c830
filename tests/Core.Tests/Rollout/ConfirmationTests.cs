using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.Core.Tests.World;

namespace ModuleController.Core.Tests.Rollout;

public class ConfirmationTests
{
    private static Func<OperationStrategy, OperationStrategy> InThree => strategy => strategy with { BatchCount = 3, NeedConfirm = true };

    [Fact]
    public void It_waits_after_every_batch_but_the_last_and_says_for_what()
    {
        var story = Story.Released(6, strategy: InThree);
        story.World.Events.Clear();
        story.Upgrade("2.0.0").Stands("1/3 Paused: 1.0.0 x 4, 2.0.0 x 2")
            .Reports(Condition.Unknown, Reasons.WaitingForConfirmation,
                "shop 2.0.0: batch 1 of 3: 2 of 6 available, waiting for confirmation of batch 1");
        Assert.Equal((ReleaseProgress.WaitingForConfirmation, 0), (story.Release.BatchProgress, story.Release.OriginalDeltaReplicas));
        Assert.Equal((6, 2, 4, 2),
            (story.Status.AvailableReplicas, story.Status.UpdatedReplicas, story.Status.CurrentReplicas,
            story.Status.UpdatedAvailableReplicas));
        story.Confirm(1).Stands("2/3 Paused: 1.0.0 x 2, 2.0.0 x 4")
            .Reports(Condition.Unknown, Reasons.WaitingForConfirmation,
                "shop 2.0.0: batch 2 of 3: 4 of 6 available, waiting for confirmation of batch 2");
        story.Confirm(2).Stands("3/3 Completed: 2.0.0 x 6").Reports(Condition.True, Reasons.ReleaseCompleted, "shop 2.0.0: 6 of 6 available");
        Assert.Equal(0, story.Deployment.Spec.ConfirmBatchNum);
        Assert.Equal(
            [Reasons.BatchStarted, Reasons.WaitingForConfirmation, Reasons.BatchStarted, Reasons.WaitingForConfirmation,
                Reasons.BatchStarted, Reasons.ReleaseCompleted],
            story.World.Events.Select(planned => planned.Reason));
    }

    [Fact]
    public void What_is_lost_of_a_batch_that_waits_for_its_confirmation_is_waited_for_too()
    {
        var story = Story.Released(4, strategy: strategy => strategy with { BatchCount = 4, NeedConfirm = true });
        story.Upgrade("2.0.0").Stands("1/4 Paused: 1.0.0 x 3, 2.0.0 x 1").LosePods(1, "2.0.0").Rest();
        Assert.EndsWith("waiting for confirmation of batch 1, which is not complete at the moment", story.Message, StringComparison.Ordinal);
        story.Confirm(1).Stands("1/4 Paused: 1.0.0 x 3");
        story.AddPods(1).Stands("2/4 Paused: 1.0.0 x 2, 2.0.0 x 2");
        Assert.EndsWith("waiting for confirmation of batch 2", story.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Waiting_never_runs_out()
    {
        var story = Story.Released(6, strategy: InThree).Upgrade("2.0.0").Settle();
        story.Pass(100_000).Stands("1/3 Paused: 1.0.0 x 4, 2.0.0 x 2");
        Assert.Equal(Reasons.WaitingForConfirmation, story.Progressing.Reason);
        story.World.BrokenVersions.Add("2.0.0");
        story.Confirm(1).Rest();
        Assert.Equal(Reasons.ReleaseProgressing, story.Progressing.Reason);
        story.Pass(599).Rest();
        Assert.Equal(Reasons.ReleaseProgressing, story.Progressing.Reason);
        story.Pass(1).Rest();
        Assert.Equal(Reasons.ProgressDeadlineExceeded, story.Progressing.Reason);
    }

    [Fact]
    public void Within_a_release_confirming_ahead_is_allowed()
    {
        var story = Story.Released(6, strategy: InThree).Upgrade("2.0.0").Stands("1/3 Paused: 1.0.0 x 4, 2.0.0 x 2");
        story.Confirm(2).Stands("3/3 Completed: 2.0.0 x 6");
    }

    [Fact]
    public void What_was_confirmed_before_the_release_began_is_ignored_until_it_changes()
    {
        var story = Story.Released(6, strategy: InThree).Confirm(2).Upgrade("2.0.0").Stands("1/3 Paused: 1.0.0 x 4, 2.0.0 x 2");
        Assert.Equal(2, story.Release.IgnoredConfirmBatchNum);
        story.Reports(Condition.Unknown, Reasons.WaitingForConfirmation,
            "shop 2.0.0: batch 1 of 3: 2 of 6 available, waiting for confirmation of batch 1; "
            + "confirmBatchNum was already 2 when the release began and does not count: change it to another number, or set the annotation "
            + "koupleless.io/action: confirm");
        Assert.Equal(story.Message, story.World.Events.Last(planned => planned.Reason == Reasons.WaitingForConfirmation).Message);
        story.Confirm(1).Stands("2/3 Paused: 1.0.0 x 2, 2.0.0 x 4");
        Assert.Null(story.Release.IgnoredConfirmBatchNum);
        Assert.EndsWith("waiting for confirmation of batch 2", story.Message, StringComparison.Ordinal);
        story.Confirm(2).Stands("3/3 Completed: 2.0.0 x 6");
    }

    [Fact]
    public void A_confirmation_of_the_release_before_does_not_count_for_the_next_one()
    {
        var story = Story.Released(6, strategy: InThree).Upgrade("2.0.0").Settle().Confirm(1).Stands("2/3 Paused: 1.0.0 x 2, 2.0.0 x 4");
        story.Upgrade("3.0.0").Stands("1/3 Paused: 2.0.0 x 4, 3.0.0 x 2");
        story.Confirm(2).Stands("3/3 Completed: 3.0.0 x 6");
    }

    [Fact]
    public void The_verb_confirms_even_the_number_that_is_ignored()
    {
        var story = Story.Released(6, strategy: InThree).Confirm(1).Upgrade("2.0.0").Stands("1/3 Paused: 1.0.0 x 4, 2.0.0 x 2");
        story.Act("confirm").Stands("2/3 Paused: 1.0.0 x 2, 2.0.0 x 4");
    }

    [Fact]
    public void The_verb_in_the_moment_in_which_a_release_begins_does_not_count_for_it_wherever_the_process_dies()
    {
        for (var calls = 0; calls < 5; calls++)
        {
            var story = Story.Released(6, strategy: InThree).Confirm(2).Upgrade("2.0.0").Stands("1/3 Paused: 1.0.0 x 4, 2.0.0 x 2");
            story.Confirm(1).Act("confirm 2").Upgrade("3.0.0").World.StepRollout(Story.Name, calls);
            story.Stands("1/3 Paused: 1.0.0 x 2, 2.0.0 x 2, 3.0.0 x 2");
            Assert.Equal((2, 2), (story.Deployment.Spec.ConfirmBatchNum, story.Release.IgnoredConfirmBatchNum));
        }
    }

    [Fact]
    public void Who_needs_no_confirmation_any_more_does_not_wait()
    {
        var story = Story.Released(6, strategy: InThree).Upgrade("2.0.0").Settle();
        story.Strategy(strategy => strategy with { NeedConfirm = false }).Stands("3/3 Completed: 2.0.0 x 6");
    }

    [Fact]
    public void Replacing_goes_on_while_it_waits_each_with_its_own_revision()
    {
        var story = Story.Released(6, strategy: InThree).Upgrade("2.0.0").Stands("1/3 Paused: 1.0.0 x 4, 2.0.0 x 2");
        story.LosePods(1, "2.0.0").AddPods(1).Stands("1/3 Paused: 1.0.0 x 4, 2.0.0 x 2");
        story.LosePods(2, "1.0.0").AddPods(2).Stands("1/3 Paused: 1.0.0 x 4, 2.0.0 x 2");
        story.World.Modules.Remove(story.Of("1.0.0").First().Metadata.Name);
        story.Stands("1/3 Paused: 1.0.0 x 4, 2.0.0 x 2");
    }

    [Fact]
    public void Scaled_by_others_while_it_waits_all_is_available_without_a_confirmation()
    {
        var story = Story.Released(12, replicas: 4, strategy: InThree).Upgrade("2.0.0").Stands("1/3 Paused: 1.0.0 x 2, 2.0.0 x 2");
        story.Scale(12).Stands("1/3 Paused: 1.0.0 x 8, 2.0.0 x 4");
        Assert.Equal((12, 12, 12), (story.Status.AvailableReplicas, story.Deployment.Spec.Replicas, story.Status.ObservedReplicas));
        story.Scale(4).Stands("1/3 Paused: 1.0.0 x 2, 2.0.0 x 2");
        story.Confirm(1).Stands("2/3 Paused: 1.0.0 x 1, 2.0.0 x 3").Confirm(2).Stands("3/3 Completed: 2.0.0 x 4");
    }

    [Fact]
    public void Who_scales_a_symmetric_one_gets_a_warning_and_nothing_else()
    {
        var story = Story.Released(4, replicas: -1, strategy: InThree).Upgrade("2.0.0").Stands("1/3 Paused: 1.0.0 x 2, 2.0.0 x 2");
        story.World.Events.Clear();
        story.Scale(12).Stands("1/3 Paused: 1.0.0 x 2, 2.0.0 x 2");
        Assert.All(story.World.Events, planned => Assert.True(planned is { Reason: Reasons.ScaleIgnored, IsWarning: true }));
        Assert.Single(story.World.Events);
        Assert.Equal((-1, 4), (story.Deployment.Spec.Replicas, story.Deployment.Spec.ScaleReplicas));
        story.Confirm(2).Stands("3/3 Completed: 2.0.0 x 4");
    }

    [Fact]
    public void Scaling_a_completed_one_by_scale_needs_no_confirmation_and_starts_no_release()
    {
        var story = Story.Released(9, replicas: 3, strategy: InThree);
        story.Scale(9).Stands("1/1 Completed: 1.0.0 x 9");
        story.Scale(1).Stands("1/1 Completed: 1.0.0 x 1");
    }

    [Fact]
    public void A_lost_status_is_rebuilt_and_nothing_counts_as_confirmed()
    {
        var story = Story.Released(6, strategy: InThree).Upgrade("2.0.0").Settle().Confirm(1).Stands("2/3 Paused: 1.0.0 x 2, 2.0.0 x 4");
        story.World.Deployments[Story.Name] = story.Deployment with { Status = new() };
        story.Stands("2/3 Paused: 1.0.0 x 2, 2.0.0 x 4");
        Assert.Equal(1, story.Release.IgnoredConfirmBatchNum);
        story.Confirm(2).Stands("3/3 Completed: 2.0.0 x 6");
    }

    [Fact]
    public void A_lost_status_does_not_confirm_what_was_confirmed_ahead()
    {
        var story = Story.Released(6, strategy: InThree).Upgrade("2.0.0").Settle();
        story.Confirm(2).World.Deployments[Story.Name] = story.Deployment with { Status = new() };
        story.Stands("1/3 Paused: 1.0.0 x 4, 2.0.0 x 2");
    }

    [Fact]
    public void A_lost_status_of_a_completed_release_is_a_completed_release()
    {
        var story = Story.Released(6, strategy: InThree);
        story.World.Deployments[Story.Name] = story.Deployment with { Status = new() };
        story.World.Events.Clear();
        story.Stands("1/1 Completed: 1.0.0 x 6");
        Assert.Empty(story.World.Events);
    }

    [Theory]
    [InlineData(ReleaseProgress.Paused)]
    [InlineData(ReleaseProgress.Executing)]
    [InlineData(ReleaseProgress.Completed)]
    public void What_version_1_stored_is_taken_over(string progress)
    {
        var story = Story.Released(6, strategy: InThree).Upgrade("2.0.0").Settle();
        foreach (var (name, set) in story.World.ReplicaSets.ToList())
            story.World.ReplicaSets[name] = set with { Metadata = set.Metadata with { Annotations = new Dictionary<string, string>() } };
        story.World.Deployments[Story.Name] = story.Deployment with
        {
            Status = new()
            {
                ReleaseStatus = new() { CurrentBatch = 2, RealBatchCount = 3, OriginalDeltaReplicas = 6, Progress = progress }
            },
        };
        story.Stands("1/3 Paused: 1.0.0 x 4, 2.0.0 x 2");
        story.Confirm(1).Settle().Confirm(2).Stands("3/3 Completed: 2.0.0 x 6");
    }

    [Fact]
    public void What_version_1_completed_is_completed()
    {
        var story = Story.Released(6, strategy: InThree);
        var (name, set) = story.World.ReplicaSets.Single();
        story.World.ReplicaSets[name] = set with { Metadata = set.Metadata with { Annotations = new Dictionary<string, string>() } };
        story.World.Deployments[Story.Name] = story.Deployment with
        {
            Status = new()
            {
                ReleaseStatus = new()
                {
                    CurrentBatch = 1,
                    RealBatchCount = 1,
                    OriginalDeltaReplicas = 0,
                    Progress = ReleaseProgress.Completed
                }
            },
        };
        story.Stands("3/3 Completed: 1.0.0 x 6");
        Assert.Contains(Annotations.CompletedAt, story.World.ReplicaSets[name].Metadata.Annotations.Keys);
        story.Upgrade("2.0.0").Stands("1/3 Paused: 1.0.0 x 4, 2.0.0 x 2");
    }
}
