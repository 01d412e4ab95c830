using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.Core.Tests.World;
using static ModuleController.Core.Tests.Rollout.Failures;

namespace ModuleController.Core.Tests.Rollout;

/// <summary>Revisions that ended base lives: neither placed nor rolled back to.</summary>
public sealed class QuarantinedRevisionTests
{
    [Fact]
    public void A_revision_that_ended_two_base_lives_is_given_up_and_neither_placed_nor_gone_back_to()
    {
        var story = Story.Released(4, strategy: strategy => strategy with { BatchCount = 4 })
            .Change(spec => spec with { MinReadySeconds = 60 });
        story.Pass(100).Upgrade("2.0.0").Stands("1/4 Executing: 1.0.0 x 3, 2.0.0 x 1");
        EndJvm(story, exits: 1);
        story.Rest();
        Assert.Equal(ReleaseProgress.Executing, story.Release.Progress);
        EndJvm(story, exits: 2);
        story.Stands("1/4 Aborted: 1.0.0 x 3, 2.0.0 x 1");
        Assert.Equal((Condition.False, Reasons.BaseDied), (story.Progressing.Status, story.Progressing.Reason));
        story.LosePods(1, "2.0.0").AddPods(1).Settle();
        Assert.Equal("1.0.0 x 4", story.Versions);
        story.Confirm(4).Pass(10_000).Settle();
        Assert.Equal("1.0.0 x 4", story.Versions);
    }

    [Fact]
    public void A_quarantined_Module_that_is_lost_is_not_recreated_before_its_goal_is_lowered()
    {
        var story = Story.Released(4, strategy: strategy => strategy with { BatchCount = 4 });
        story.World.BrokenVersions.Add("2.0.0");
        story.Upgrade("2.0.0").Settle();
        EndJvm(story, exits: 2);
        story.Settle().LosePods(1, "2.0.0").AddPods(1).World.StepPlacement();
        Assert.All(story.Of("2.0.0"), module => Assert.True(module.Metadata.IsDeleting));
    }

    [Fact]
    public void What_a_completed_one_is_rolled_back_to_is_kept_also_where_no_history_is()
    {
        var story = Story.Released(4, strategy: strategy => strategy with { AutoRollback = true }).Upgrade("2.0.0")
            .Stands("1/1 Completed: 2.0.0 x 4");
        EndJvm(story, exits: 2);
        story.Change(spec => spec with { RevisionHistoryLimit = 0 }).Settle();
        Assert.Equal("1.0.0 x 4", story.Versions);
    }

    [Fact]
    public void A_quarantined_revision_stays_aborted_until_retry_or_another_template_when_no_pod_has_it()
    {
        var story = Story.Released(4, strategy: strategy => strategy with { BatchCount = 4 });
        story.World.BrokenVersions.Add("2.0.0");
        story.Upgrade("2.0.0").Settle();
        EndJvm(story, exits: 2);
        story.Settle();
        story.LosePods(1, "2.0.0").AddPods(1).Settle();
        Assert.Empty(story.Of("2.0.0"));
        Assert.Equal(ReleaseProgress.Aborted, story.Release.Progress);
        story.World.BrokenVersions.Clear();
        story.Pass(5).Act("retry").Stands("4/4 Completed: 2.0.0 x 4");
    }

    [Fact]
    public void Where_nothing_has_completed_a_quarantined_revision_is_not_replaced()
    {
        var story = Story.Of(4);
        story.World.BrokenVersions.Add("1.0.0");
        story.Settle();
        EndJvm(story, exits: 2, "1.0.0");
        story.Settle();
        story.LosePods(2, "1.0.0").AddPods(2).Stands("1/1 Aborted: 1.0.0 x 2");
    }

    [Fact]
    public void JVM_exits_that_may_have_been_anothers_give_nothing_up()
    {
        var story = Story.Of(4);
        story.World.BrokenVersions.Add("1.0.0");
        story.Settle();
        foreach (var module in story.Of("1.0.0").ToList()) EndJvm(story, module, "0++");
        story.Rest();
        Assert.NotEqual(ReleaseProgress.Aborted, story.Release.Progress);
        foreach (var module in story.Of("1.0.0").Take(2).ToList()) EndJvm(story, module, "1+");
        story.Rest();
        Assert.Equal(ReleaseProgress.Aborted, story.Release.Progress);
    }
}
