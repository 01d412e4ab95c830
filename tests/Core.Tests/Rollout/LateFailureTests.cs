using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.Core.Tests.World;

namespace ModuleController.Core.Tests.Rollout;

/// <summary>Failures of a revision that has served somewhere: each is tried again, and counts for the release all the same.</summary>
public class LateFailureTests
{
    [Fact]
    public void Failures_in_the_second_batch_stop_the_release_although_the_first_one_serves()
    {
        var story = InSecondBatch(strategy => strategy with { MaxFailures = 1 });
        story.Stands("2/2 Aborted: 1.0.0 x 1, 2.0.0 x 5");
        Assert.All(Failing(story), module => Assert.Equal(ModulePhase.Pending, module.Status.Status));
        story.Reports(Condition.False, Reasons.MaxFailuresExceeded,
            "shop 2.0.0: batch 2 of 2: 3 of 6 available, 2 failed (BizStartFailed), aborted: 2 failed (BizStartFailed), more than "
                + "maxFailures (1)");
    }

    [Fact]
    public void With_auto_rollback_all_pods_go_back_the_ones_of_the_first_batch_too()
    {
        var story = InSecondBatch(strategy => strategy with { MaxFailures = 1, AutoRollback = true });
        story.Stands("2/2 Aborted: 1.0.0 x 6");
        Assert.Equal(Reasons.RolledBack, story.Progressing.Reason);
    }

    [Fact]
    public void Where_the_failed_ones_use_up_maxUnavailable_the_deadline_decides()
    {
        var story = InSecondBatch(strategy => strategy with { MaxFailures = 1, MaxUnavailable = new(1, false), AutoRollback = true });
        story.Stands("2/2 Executing: 1.0.0 x 2, 2.0.0 x 4");
        story.Pass(599).Settle();
        Assert.Equal(ReleaseProgress.Executing, story.Release.Progress);
        story.Pass(1).Stands("2/2 Aborted: 1.0.0 x 6");
        Assert.StartsWith("shop 2.0.0 was given up (no progress for 600 s, 1 failed (BizStartFailed))", story.Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Without_auto_rollback_the_deadline_is_reported_and_the_release_goes_on_trying()
    {
        var story = InSecondBatch(strategy => strategy with { MaxFailures = 1, MaxUnavailable = new(1, false) }).Pass(600);
        story.Stands("2/2 Executing: 1.0.0 x 2, 2.0.0 x 4");
        Assert.Equal((Condition.False, Reasons.ProgressDeadlineExceeded), (story.Progressing.Status, story.Progressing.Reason));
        story.World.BrokenVersions.Clear();
        story.Stands("2/2 Completed: 2.0.0 x 6");
    }

    [Fact]
    public void Who_comes_right_at_a_later_attempt_has_not_failed()
    {
        var story = InSecondBatch(strategy => strategy with { MaxFailures = 2 });
        Assert.Equal(ReleaseProgress.Executing, story.Release.Progress);
        story.World.BrokenVersions.Clear();
        story.Stands("2/2 Completed: 2.0.0 x 6");
    }

    [Fact]
    public void A_module_of_the_first_batch_that_fails_in_its_replay_counts_while_the_release_is_under_way()
    {
        var story = Story.Released(4, strategy: strategy => strategy with { BatchCount = 2, NeedConfirm = true, MaxFailures = 1 })
            .Upgrade("2.0.0").Stands("1/2 Paused: 1.0.0 x 2, 2.0.0 x 2");
        Lose(story, "2.0.0", 2);
        story.Stands("1/2 Aborted: 1.0.0 x 2, 2.0.0 x 2");
    }

    [Fact]
    public void A_replay_after_the_release_never_counts()
    {
        var story = Story.Released(4, strategy: strategy => strategy with { MaxFailures = 1, AutoRollback = true }).Upgrade("2.0.0")
            .Settle();
        Lose(story, "2.0.0", 4);
        story.Pass(10_000).Stands("1/1 Completed: 2.0.0 x 4");
    }

    [Fact]
    public void Nor_in_a_later_release_of_the_number_alone()
    {
        var story = Story.Released(8, replicas: 4,
            strategy: strategy => strategy with { MaxFailures = 1, AutoRollback = true, BatchCount = 2 })
            .Upgrade("2.0.0").Settle();
        story.World.BrokenVersions.Add("2.0.0");
        story.Replicas(5).Settle();
        Lose(story, "2.0.0", 4);
        story.Pass(10_000).Settle();
        Assert.Equal((ReleaseProgress.Executing, "2.0.0 x 5"), (story.Release.Progress, story.Versions));
    }

    [Fact]
    public void Failures_while_the_number_grows_stop_the_release_and_take_nothing_back_to_an_older_revision()
    {
        var story = Story.Released(8, replicas: 2,
            strategy: strategy => strategy with { MaxFailures = 1, AutoRollback = true, BatchCount = 2 })
            .Upgrade("2.0.0").Settle();
        story.World.BrokenVersions.Add("2.0.0");
        story.Replicas(8).Stands("1/2 Aborted: 2.0.0 x 5");
        Assert.Equal((Reasons.MaxFailuresExceeded, (string?)null), (story.Progressing.Reason, story.Status.AbortedRevision));
        story.LosePods(1, "2.0.0").AddPods(1).Stands("1/2 Aborted: 2.0.0 x 5");
    }

    /// <summary>The first half of 2.0.0 serves; whatever is installed from now on fails.</summary>
    private static Story InSecondBatch(Func<OperationStrategy, OperationStrategy> strategy)
    {
        var story = Story.Released(6, policy: UpgradePolicy.UninstallThenInstall,
            strategy: given => strategy(given with { MaxUnavailable = new(2, false) }) with { BatchCount = 2, NeedConfirm = true });
        story.Upgrade("2.0.0").Stands("1/2 Paused: 1.0.0 x 3, 2.0.0 x 3");
        story.World.BrokenVersions.Add("2.0.0");
        return story.Confirm(1).Settle();
    }

    /// <summary>Their JVM restarted, and now the start fails.</summary>
    private static void Lose(Story story, string version, int count)
    {
        story.World.BrokenVersions.Add(version);
        foreach (var module in story.Of(version).Where(module => module.IsAvailable).Take(count).ToList())
            story.World.Modules[module.Metadata.Name] = module with { Status = module.Status with { Status = ModulePhase.Pending } };
        story.Settle();
        Assert.True(Failing(story).Count() >= count);
    }

    private static IEnumerable<Module> Failing(Story story) =>
        story.World.Modules.Values.Where(module => module.Status.LastError is not null);
}
