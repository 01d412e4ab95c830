using System.Text.Json.Nodes;
using ModuleController.Core.Execution;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Facts;
using ModuleController.Core.Modules.Names;
using ModuleController.Core.Tests.World;

namespace ModuleController.Core.Tests.Rollout;

/// <summary>The verbs: one annotation each, done once, recorded and reported.</summary>
public class ActionTests
{
    private static Func<OperationStrategy, OperationStrategy> InThree => strategy => strategy with { BatchCount = 3, NeedConfirm = true };

    [Fact]
    public void Who_asked_and_why_is_recorded_and_reported_and_the_request_is_removed()
    {
        var story = Waiting().Act("confirm", by: "ada", reason: "metrics look good");
        story.Stands("2/3 Paused: 1.0.0 x 2, 2.0.0 x 4");
        Assert.Equal([Annotations.LastAction, Annotations.ActionHistory], story.Deployment.Metadata.Annotations.Keys);
        var record = Record(story);
        Assert.Equal(("confirm", "ada", "metrics look good", "2026-01-31T09:00:00Z", null),
            (Text(record, "action"), Text(record, "by"), Text(record, "reason"),
            Text(record, "at"), Text(record, "refused")));
        Assert.Contains(new("Confirm", "confirm by ada: metrics look good") { Time = EventTime.StepsDone }, story.World.Events);
    }

    [Fact]
    public void Pause_and_resume_are_the_field()
    {
        var story = Story.Released(6).Act("pause").Upgrade("2.0.0").Stands("1/1 Paused: 1.0.0 x 6");
        Assert.True(story.Deployment.Spec.Paused);
        story.Act("resume").Stands("1/1 Completed: 2.0.0 x 6");
        Assert.False(story.Deployment.Spec.Paused);
    }

    [Theory]
    [InlineData("confirm", "2/3 Paused: 1.0.0 x 2, 2.0.0 x 4")]
    [InlineData("confirm 1", "2/3 Paused: 1.0.0 x 2, 2.0.0 x 4")]
    [InlineData("confirm 2", "3/3 Completed: 2.0.0 x 6")]
    [InlineData("promote", "3/3 Completed: 2.0.0 x 6")]
    [InlineData("abort", "1/3 Aborted: 1.0.0 x 4, 2.0.0 x 2")]
    [InlineData("retry", "1/3 Paused: 1.0.0 x 4, 2.0.0 x 2")]
    [InlineData("undo-fast", "1/1 Completed: 1.0.0 x 6")]
    [InlineData("  undo-fast   1 ", "1/1 Completed: 1.0.0 x 6")]
    public void What_is_asked_for_while_it_waits_after_batch_1_of_3(string action, string stand) => Waiting().Act(action).Stands(stand);

    [Theory]
    [InlineData("confirm 0")]
    [InlineData("confirm x")]
    [InlineData("confirm 1 2")]
    [InlineData("pause 1")]
    [InlineData("promote now")]
    [InlineData("undo 9")]
    [InlineData("undo two")]
    [InlineData("undo-fast -1")]
    [InlineData("stop")]
    [InlineData("Confirm")]
    [InlineData("")]
    public void What_makes_no_sense_is_refused_and_changes_nothing(string action)
    {
        var story = Waiting();
        var spec = story.Deployment.Spec;
        story.Act(action, by: "ada").Stands("1/3 Paused: 1.0.0 x 4, 2.0.0 x 2");
        Assert.Equal(spec, story.Deployment.Spec);
        Assert.NotNull(Text(Record(story), "refused"));
        Assert.Contains(story.World.Events, planned => planned is { Reason: Reasons.ActionRefused, IsWarning: true });
        Assert.DoesNotContain(Annotations.Action, story.Deployment.Metadata.Annotations.Keys);
    }

    [Theory]
    [InlineData("abort")]
    [InlineData("promote")]
    [InlineData("confirm")]
    public void What_has_completed_is_neither_aborted_nor_promoted_nor_confirmed(string action)
    {
        var story = Story.Released(3).Act(action).Stands("1/1 Completed: 1.0.0 x 3");
        Assert.Equal("the release has completed", Text(Record(story), "refused"));
    }

    [Fact]
    public void Promote_skips_the_beta_the_confirmations_and_the_gray_times_but_not_the_batches()
    {
        var story = Story.Released(6,
            strategy: strategy => strategy with { BatchCount = 3, NeedConfirm = true, UseBeta = true, GrayTimeBetweenBatchSeconds = 60 });
        story.Upgrade("2.0.0").Stands("1/3 Paused: 1.0.0 x 5, 2.0.0 x 1");
        story.World.Events.Clear();
        story.Act("promote").Stands("3/3 Completed: 2.0.0 x 6");
        Assert.Equal(2, story.World.Events.Count(planned => planned.Reason == Reasons.BatchStarted));
        story.Upgrade("3.0.0").Stands("1/3 Paused: 2.0.0 x 5, 3.0.0 x 1");
    }

    [Fact]
    public void Promote_does_not_lift_a_pause() =>
        Waiting().Pause().Act("promote").Stands("1/3 Paused: 1.0.0 x 4, 2.0.0 x 2").Pause(false).Stands("3/3 Completed: 2.0.0 x 6");

    [Fact]
    public void Abort_stops_it_until_retry()
    {
        var story = Waiting().Act("abort", by: "ada", reason: "errors").Stands("1/3 Aborted: 1.0.0 x 4, 2.0.0 x 2");
        Assert.Equal("shop 2.0.0: batch 1 of 3: 2 of 6 available, aborted: stopped by ada: errors", story.Message);
        story.Confirm(2).Stands("1/3 Aborted: 1.0.0 x 4, 2.0.0 x 2");
        story.Act("retry").Stands("3/3 Completed: 2.0.0 x 6");
    }

    [Fact]
    public void Undo_goes_back_by_the_releases_own_strategy()
    {
        var story = Waiting().Act("confirm 2").Stands("3/3 Completed: 2.0.0 x 6").Act("undo");
        story.Stands("1/3 Paused: 1.0.0 x 2, 2.0.0 x 4").Act("confirm").Stands("2/3 Paused: 1.0.0 x 4, 2.0.0 x 2");
    }

    [Fact]
    public void Undo_goes_to_the_revision_that_is_named()
    {
        var story = Story.Released(2).Upgrade("2.0.0").Settle().Upgrade("3.0.0").Settle().Act("undo 1").Stands("1/1 Completed: 1.0.0 x 2");
        story.Act("undo 1").Rest();
        Assert.Equal("there is no earlier revision 1; these are kept: 3, 2", Text(Record(story), "refused"));
        story.Act("undo").Stands("1/1 Completed: 3.0.0 x 2");
    }

    [Fact]
    public void Undo_fast_goes_without_batches_waits_and_pause_but_within_the_limit()
    {
        var story = Story.Released(6, strategy: InThree, policy: UpgradePolicy.UninstallThenInstall).Upgrade("2.0.0").Settle().Confirm(2)
            .Settle();
        story.Pause().Act("undo-fast");
        for (var i = 0; i < 3; i++) story.World.StepRollout(Story.Name);
        story.World.StepPlacement();
        Assert.Equal(1, story.World.Modules.Values.Count(module => module.Metadata.IsDeleting));
        story.Stands("1/1 Completed: 1.0.0 x 6");
        Assert.DoesNotContain(Annotations.FastRevision, story.Deployment.Metadata.Annotations.Keys);
        story.Upgrade("2.0.0").Stands("1/3 Paused: 1.0.0 x 4, 2.0.0 x 2");
    }

    [Fact]
    public void Undo_fast_is_frozen_like_anything_else() =>
        Waiting().Freeze("audit").Act("undo-fast").Stands("1/1 Paused: 1.0.0 x 4, 2.0.0 x 2").Freeze(null)
            .Stands("1/1 Completed: 1.0.0 x 6");

    [Fact]
    public void Redeploy_installs_the_same_version_once_more()
    {
        var story = Story.Released(4, strategy: strategy => strategy with { BatchCount = 2, NeedConfirm = true });
        var before = story.Of("1.0.0").Select(module => module.Metadata.Uid).ToHashSet();
        story.Pass(5).Act("redeploy").Rest();
        Assert.Equal(2, story.Of("1.0.0").Count(module => before.Contains(module.Metadata.Uid)));
        story.Act("confirm").Rest();
        Assert.DoesNotContain(story.Of("1.0.0"), module => before.Contains(module.Metadata.Uid));
        Assert.Equal(2, story.World.ReplicaSets.Count);
    }

    [Theory]
    [InlineData("abort")]
    [InlineData("promote")]
    [InlineData("retry")]
    [InlineData("confirm")]
    [InlineData("undo")]
    [InlineData("undo-fast")]
    [InlineData("pause")]
    public void A_crash_at_any_call_in_between_does_it_no_more_than_once(string action)
    {
        var want = Waiting().Act(action, by: "ada").Rest();
        for (var calls = 0; calls < 6; calls++)
        {
            var story = Waiting().Act(action, by: "ada");
            story.World.StepRollout(Story.Name, calls);
            story.Rest();
            Assert.Equal(want.Stand, story.Stand);
            Assert.Equal("ada", Text(Record(story), "by"));
            Assert.Equal(Asked(want), Asked(story));
        }
    }

    [Fact]
    public void A_confirmation_in_time_of_deletion_confirms_the_deletion()
    {
        var story = Story.Released(4, strategy: strategy => strategy with { BatchCount = 2, ConfirmDeletion = true }).Delete().Settle();
        Assert.Equal(2, story.World.Modules.Count);
        story.Act("confirm").Settle();
        Assert.Empty(story.World.Deployments);
    }

    [Fact]
    public void A_confirmation_of_what_was_confirmed_already_counts_in_a_deletion_too()
    {
        var story = Story.Released(6, strategy: strategy => InThree(strategy) with { ConfirmDeletion = true }).Upgrade("2.0.0").Settle()
            .Confirm(1).Rest();
        story.Delete().Rest();
        Assert.Equal("1/3 Terminating: 2.0.0 x 4", story.Stand);
        story.Act("confirm").Rest();
        Assert.Equal("2/3 Terminating: 2.0.0 x 2", story.Stand);
    }

    [Fact]
    public void A_promotion_is_of_the_release_that_its_author_saw()
    {
        for (var calls = 0; calls < 6; calls++)
        {
            var story = Waiting().Upgrade("3.0.0").Act("promote", by: "ada");
            story.World.StepRollout(Story.Name, calls);
            story.Stands("1/3 Paused: 1.0.0 x 2, 2.0.0 x 2, 3.0.0 x 2");
            Assert.Contains("another release begins", Text(Record(story), "refused"), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_promotion_before_a_deletion_does_not_confirm_that()
    {
        var story = Story.Released(6, strategy: strategy => InThree(strategy) with { ConfirmDeletion = true }).Upgrade("2.0.0").Settle();
        story.Act("promote").Delete().Rest();
        Assert.Equal("1/3 Terminating: 1.0.0 x 2, 2.0.0 x 2", story.Stand);
        story.Act("promote").Settle();
        Assert.Empty(story.World.Deployments);
    }

    [Fact]
    public void Of_a_long_text_the_beginning_is_kept_and_reported()
    {
        var story = Waiting().Act("abort", by: new('b', 1000), reason: new('因', 100_000)).Rest();
        Assert.Equal((128, 512), (Text(Record(story), "by")!.Length, Text(Record(story), "reason")!.Length));
        Assert.EndsWith("因…", story.Message, StringComparison.Ordinal);
        Assert.InRange(story.Message.Length, 512, 1000);
        Assert.InRange(story.Freeze(new('x', 100_000)).Act("retry").Rest().Message.Length, 512, 1000);
        story.Act(new('y', 100_000)).Rest();
        Assert.InRange(Text(Record(story), "action")!.Length, 1, 64);
    }

    private static Story Waiting() => Story.Released(6, strategy: InThree).Upgrade("2.0.0").Stands("1/3 Paused: 1.0.0 x 4, 2.0.0 x 2");

    private static (Revision, bool?, int?) Asked(Story story) =>
        (Revision.Of(story.Deployment.Spec.Template), story.Deployment.Spec.Paused, story.Deployment.Spec.ConfirmBatchNum);

    private static JsonNode Record(Story story) => JsonNode.Parse(story.Deployment.Metadata.Annotations[Annotations.LastAction])!;

    private static string? Text(JsonNode record, string name) => record[name]?.GetValue<string>();
}
