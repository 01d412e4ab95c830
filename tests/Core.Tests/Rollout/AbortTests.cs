using ModuleController.Core.Commands;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.Core.Tests.World;
using static ModuleController.Core.Tests.Rollout.Failures;

namespace ModuleController.Core.Tests.Rollout;

/// <summary>Releases that are given up: too many failures, or no progress.</summary>
public class AbortTests
{
    [Fact]
    public void More_failures_than_allowed_stop_the_release_and_keep_what_runs()
    {
        var story = Failing(strategy => strategy with { BatchCount = 2, MaxFailures = 1 }, failures: 2);
        story.Stands("1/2 Aborted: 1.0.0 x 3, 2.0.0 x 3");
        story.Reports(Condition.False, Reasons.MaxFailuresExceeded,
            "shop 2.0.0: batch 1 of 2: 1 of 6 available, 2 failed (BizStartFailed), aborted: 2 failed (BizStartFailed), more than "
                + "maxFailures (1)");
        Assert.Contains(story.World.Events, planned => planned is { Reason: Reasons.MaxFailuresExceeded, IsWarning: true });
        Assert.Null(story.Status.AbortedRevision);
        story.Confirm(5).Pass(10_000).Stands("1/2 Aborted: 1.0.0 x 3, 2.0.0 x 3");
    }

    [Fact]
    public void As_many_failures_as_allowed_do_not_stop_it()
    {
        var story = Failing(strategy => strategy with { BatchCount = 2, MaxFailures = 2 }, failures: 2);
        Assert.Equal(ReleaseProgress.Executing, story.Release.Progress);
    }

    [Fact]
    public void Failures_of_the_environment_do_not_count()
    {
        var story = Failing(strategy => strategy with { BatchCount = 2, MaxFailures = 1 }, failures: 3, FailureReason.ArtifactUnreachable);
        Assert.Equal(ReleaseProgress.Executing, story.Release.Progress);
    }

    [Fact]
    public void What_is_lost_of_an_aborted_release_comes_back_in_the_completed_revision()
    {
        var story = Failing(strategy => strategy with { BatchCount = 2, MaxFailures = 1 }, failures: 2);
        story.LosePods(1, "2.0.0").AddPods(1).Settle();
        Assert.Equal("1.0.0 x 4, 2.0.0 x 2", story.Versions);
        story.LosePods(1, "1.0.0").AddPods(1).Settle();
        Assert.Equal("1.0.0 x 4, 2.0.0 x 2", story.Versions);
        Assert.Equal(ReleaseProgress.Aborted, story.Release.Progress);
    }

    [Fact]
    public void It_is_still_scaled()
    {
        var story = Failing(strategy => strategy with { BatchCount = 2, MaxFailures = 1 }, failures: 2).AddPods(2);
        story.Scale(8).Settle();
        Assert.Equal("1.0.0 x 5, 2.0.0 x 3", story.Versions);
    }

    [Fact]
    public void Another_template_or_a_corrected_url_goes_on()
    {
        var story = Failing(strategy => strategy with { BatchCount = 2, MaxFailures = 1 }, failures: 2);
        story.World.BrokenVersions.Clear();
        story.Change(spec => spec with { Template = A.Template(Story.Name, "2.0.0", url: "http://jars/better.jar") }).Settle();
        Assert.Equal("2/2 Completed: 2.0.0 x 6", story.Stand);

        story = Failing(strategy => strategy with { BatchCount = 2, MaxFailures = 1 }, failures: 2);
        story.Upgrade("3.0.0").Stands("2/2 Completed: 3.0.0 x 6");
    }

    [Fact]
    public void A_first_release_that_is_given_up_keeps_its_share_and_no_more()
    {
        var story = Story.Of(6, strategy: strategy => strategy with { BatchCount = 3, MaxFailures = 1 });
        story.World.BrokenVersions.Add("1.0.0");
        story.Stands("1/3 Aborted: 1.0.0 x 2");
        story.LosePods(1, "1.0.0").Stands("1/3 Aborted: 1.0.0 x 2");
    }

    [Fact]
    public void With_auto_rollback_the_last_completed_revision_becomes_the_target()
    {
        var story = Failing(strategy => strategy with { BatchCount = 2, MaxFailures = 1, AutoRollback = true }, failures: 2);
        story.Stands("1/2 Aborted: 1.0.0 x 6");
        Assert.Equal(("2.0.0", story.Release.UpdateRevision),
            (story.Deployment.Spec.Template.Spec.Module.Version, story.Status.AbortedRevision));
        story.Reports(Condition.False, Reasons.RolledBack,
            "shop 2.0.0 was given up (2 failed (BizStartFailed), more than maxFailures (1)): 6 of 6 available in 1.0.0");
        Assert.Contains(story.World.Events, planned => planned is { Reason: Reasons.RollingBack, IsWarning: true });
        story.LosePods(1).AddPods(1).Stands("1/2 Aborted: 1.0.0 x 6");
        story.Upgrade("3.0.0").Stands("2/2 Completed: 3.0.0 x 6");
        Assert.Null(story.Status.AbortedRevision);
    }

    [Fact]
    public void A_release_that_was_rolled_back_stays_so_when_the_ReplicaSet_of_its_revision_is_deleted()
    {
        var story = Failing(strategy => strategy with { BatchCount = 2, MaxFailures = 1, AutoRollback = true }, failures: 2);
        var name = story.World.ReplicaSets.Values.Single(set => set.Spec.Template.Spec.Module.Version == "2.0.0").Metadata.Name;
        story.World.ReplicaSets.Remove(name);
        story.Stands("1/2 Aborted: 1.0.0 x 6");
        Assert.Equal(Reasons.RolledBack, story.Progressing.Reason);
        Assert.Contains(name, story.World.ReplicaSets.Keys);
    }

    [Fact]
    public void Auto_rollback_waits_for_the_deadline_where_failures_are_not_limited()
    {
        var story = Failing(strategy => strategy with { BatchCount = 2, AutoRollback = true }, failures: 2);
        Assert.Equal(ReleaseProgress.Executing, story.Release.Progress);
        story.Pass(599).Settle();
        Assert.Equal(ReleaseProgress.Executing, story.Release.Progress);
        story.Pass(1).Stands("1/2 Aborted: 1.0.0 x 6");
        Assert.StartsWith("shop 2.0.0 was given up (no progress for 600 s, 2 failed (BizStartFailed))", story.Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void At_the_deadline_what_only_the_environment_failed_is_not_rolled_back()
    {
        var story = Failing(strategy => strategy with { BatchCount = 2, AutoRollback = true }, failures: 2,
            FailureReason.ArtifactUnreachable);
        story.Pass(10_000).Rest();
        Assert.Equal((ReleaseProgress.Executing, Reasons.ProgressDeadlineExceeded), (story.Release.Progress, story.Progressing.Reason));
    }

    [Fact]
    public void What_a_human_stopped_is_not_rolled_back()
    {
        var story = Failing(strategy => strategy with { BatchCount = 2, AutoRollback = true }, failures: 2).Act("abort");
        story.Stands("1/2 Aborted: 1.0.0 x 3, 2.0.0 x 3");
    }

    [Fact]
    public void Retry_forgives_and_goes_on()
    {
        var story = Failing(strategy => strategy with { BatchCount = 2, MaxFailures = 1 }, failures: 2);
        story.World.BrokenVersions.Clear();
        story.Pass(5).Act("retry").Settle();
        Assert.Equal((ReleaseProgress.Executing, (ReleaseAbort?)null), (story.Release.Progress, story.Release.Abort));
        foreach (var module in story.Of("2.0.0").Where(module => !module.IsAvailable).ToList())
            story.World.Modules[module.Metadata.Name] = module with { Status = new() { Status = ModulePhase.Pending } };
        story.Stands("2/2 Completed: 2.0.0 x 6");
    }

    [Fact]
    public void Retry_forgives_also_what_a_clock_ahead_of_this_one_wrote()
    {
        var story = Failing(strategy => strategy with { BatchCount = 2, MaxFailures = 1 }, failures: 2);
        story.World.BrokenVersions.Clear();
        story.World.Now -= TimeSpan.FromSeconds(30);
        story.Act("retry").Settle();
        Assert.Equal((ReleaseProgress.Executing, (ReleaseAbort?)null), (story.Release.Progress, story.Release.Abort));
    }

    [Fact]
    public void Failures_after_a_retry_count_again()
    {
        var story = Failing(strategy => strategy with { BatchCount = 2, MaxFailures = 1 }, failures: 2).Pass(5).Act("retry").Settle();
        story.Pass(5);
        foreach (var module in story.Of("2.0.0").Where(module => !module.IsAvailable)
            .ToList()) Fail(story, module, FailureReason.BizStartFailed);
        story.Rest();
        Assert.Equal(ReleaseProgress.Aborted, story.Release.Progress);
    }

    private static Story Failing(
        Func<OperationStrategy, OperationStrategy> strategy, int failures, FailureReason reason = FailureReason.BizStartFailed)
    {
        var story = Story.Released(6, strategy: given => strategy(given) with { MaxUnavailable = new(6, false) },
            policy: UpgradePolicy.UninstallThenInstall)
            .Upgrade("2.0.0");
        story.World.StepRollout(Story.Name);
        story.World.StepRollout(Story.Name);
        story.World.StepPlacement();
        foreach (var module in story.Of("2.0.0").Take(failures).ToList()) Fail(story, module, reason);
        return story.Settle();
    }
}
