using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.Core.Tests.World;

namespace ModuleController.Core.Tests.Rollout;

/// <summary>The spec, or the base, changes while a release is under way.</summary>
public class MidReleaseTests
{
    private static Func<OperationStrategy, OperationStrategy> InThree => strategy => strategy with { BatchCount = 3, NeedConfirm = true };

    [Fact]
    public void A_revision_that_completed_is_recorded_also_where_the_template_changed_before_that()
    {
        var story = Story.Released(4, 2, strategy => strategy with { BatchCount = 2, NeedConfirm = true });
        var (name, completed) = story.World.ReplicaSets.Single();
        story.World.ReplicaSets[name] = completed with
        {
            Metadata = completed.Metadata with { Annotations = new Dictionary<string, string>() }
        };
        story.Upgrade("2.0.0").Settle();
        Assert.Contains(Annotations.CompletedAt, story.World.ReplicaSets[name].Metadata.Annotations.Keys);
        story.Scale(4).Settle();
        Assert.Equal("1.0.0 x 2, 2.0.0 x 2", story.Versions);
    }

    [Fact]
    public void Another_number_by_replicas_starts_a_release_from_what_is_there()
    {
        var story = Story.Released(12, replicas: 6, strategy: InThree).Upgrade("2.0.0").Stands("1/3 Paused: 1.0.0 x 4, 2.0.0 x 2");
        story.Confirm(1).Stands("2/3 Paused: 1.0.0 x 2, 2.0.0 x 4");
        story.Replicas(12).Stands("2/3 Paused: 1.0.0 x 2, 2.0.0 x 8");
        Assert.Equal((6, 1), (story.Release.OriginalDeltaReplicas, story.Release.IgnoredConfirmBatchNum));
        story.Confirm(2).Stands("3/3 Completed: 2.0.0 x 12");
    }

    [Fact]
    public void Fewer_by_replicas_in_mid_release_downgrades_nobody()
    {
        var story = Story.Released(9, strategy: InThree).Upgrade("2.0.0").Settle().Confirm(1).Stands("2/3 Paused: 1.0.0 x 3, 2.0.0 x 6");
        var updated = story.Of("2.0.0").Select(module => module.Metadata.Uid).ToHashSet();
        story.Replicas(6).Settle();
        Assert.Equal(updated, story.Of("2.0.0").Select(module => module.Metadata.Uid).Intersect(updated).ToHashSet());
        story.Confirm(3).Settle();
        Assert.Equal("2.0.0 x 6", story.Versions);
    }

    [Fact]
    public void The_number_by_replicas_and_the_revision_may_change_at_once()
    {
        var story = Story.Released(8, replicas: 4, strategy: strategy => strategy with { BatchCount = 2, NeedConfirm = true },
            policy: UpgradePolicy.UninstallThenInstall);
        story.Replicas(8).Upgrade("2.0.0").Stands("1/2 Paused: 1.0.0 x 2, 2.0.0 x 4");
        story.Confirm(1).Stands("2/2 Completed: 2.0.0 x 8");
    }

    [Fact]
    public void A_third_version_in_mid_release_starts_over_from_what_is_there()
    {
        var story = Story.Released(6, strategy: InThree).Upgrade("2.0.0").Stands("1/3 Paused: 1.0.0 x 4, 2.0.0 x 2");
        story.Upgrade("3.0.0").Settle();
        Assert.Equal((1, 2), (story.Release.CurrentBatch, story.Of("3.0.0").Count()));
        story.LosePods(1, "3.0.0").AddPods(1).Settle();
        Assert.Equal(2, story.Of("3.0.0").Count());
        story.LosePods(1, "1.0.0").AddPods(1).Settle();
        story.Confirm(2).Stands("3/3 Completed: 3.0.0 x 6");
    }

    [Fact]
    public void Undone_in_mid_upgrade_the_old_ones_stay_and_the_new_ones_go_back()
    {
        var story = Story.Released(6, strategy: InThree).Upgrade("2.0.0").Stands("1/3 Paused: 1.0.0 x 4, 2.0.0 x 2");
        var stays = story.Of("1.0.0").Select(module => module.Metadata.Uid).ToList();
        story.Upgrade("1.0.0").Settle();
        Assert.Equal(stays, story.Of("1.0.0").Select(module => module.Metadata.Uid).Intersect(stays));
        story.Confirm(5).Settle();
        Assert.Equal("1.0.0 x 6", story.Versions);
        Assert.Equal(ReleaseProgress.Completed, story.Release.Progress);
    }

    [Fact]
    public void Undone_while_both_versions_are_on_a_pod_the_new_one_goes_at_once()
    {
        var story = Story.Released(3).Upgrade("2.0.0");
        // The ReplicaSet, the look at its jar, the goal.
        for (var step = 0; step < 3; step++) story.World.StepRollout(Story.Name);
        story.World.StepPlacement();
        Assert.Equal("1.0.0 x 3, 2.0.0 x 3", story.Versions);
        var old = story.Of("1.0.0").Select(module => module.Metadata.Uid).ToList();
        story.Upgrade("1.0.0").Stands("1/1 Completed: 1.0.0 x 3");
        Assert.Equal(old, story.Of("1.0.0").Select(module => module.Metadata.Uid));
    }

    [Fact]
    public void Another_url_in_mid_release_is_no_release_and_corrects_what_never_was_available()
    {
        var story = Story.Released(6, strategy: InThree, policy: UpgradePolicy.UninstallThenInstall);
        story.World.BrokenVersions.Add("2.0.0");
        story.Upgrade("2.0.0").Stands("1/3 Executing: 1.0.0 x 5, 2.0.0 x 1");
        var revision = story.Release.UpdateRevision;
        story.World.BrokenVersions.Clear();
        story.Change(spec => spec with { Template = A.Template(Story.Name, "2.0.0", url: "http://jars/better.jar") })
            .Stands("1/3 Paused: 1.0.0 x 4, 2.0.0 x 2");
        Assert.Equal(revision, story.Release.UpdateRevision);
        Assert.All(story.Of("2.0.0"), module => Assert.Equal("http://jars/better.jar", module.Spec.Module.Url));
    }

    [Fact]
    public void Another_batch_count_in_mid_release_holds_from_the_next_release_on()
    {
        var story = Story.Released(6, strategy: InThree).Upgrade("2.0.0").Stands("1/3 Paused: 1.0.0 x 4, 2.0.0 x 2");
        story.Strategy(strategy => strategy with { BatchCount = 6 }).Stands("1/3 Paused: 1.0.0 x 4, 2.0.0 x 2");
        story.Confirm(1).Stands("2/3 Paused: 1.0.0 x 2, 2.0.0 x 4");
        story.Upgrade("3.0.0").Settle();
        Assert.Equal((1, 6), (story.Release.CurrentBatch, story.Release.RealBatchCount));
    }

    [Fact]
    public void A_base_that_grows_and_shrinks_in_mid_release_moves_the_share_and_never_the_batch()
    {
        var story = Story.Released(3, replicas: -1, strategy: InThree).Upgrade("2.0.0").Stands("1/3 Paused: 1.0.0 x 2, 2.0.0 x 1");
        story.AddPods(6).Stands("1/3 Paused: 1.0.0 x 6, 2.0.0 x 3");
        story.Confirm(1).Stands("2/3 Paused: 1.0.0 x 3, 2.0.0 x 6");
        story.LosePods(3, "1.0.0").Stands("2/3 Paused: 2.0.0 x 6");
        story.AddPods(3).Stands("2/3 Paused: 1.0.0 x 3, 2.0.0 x 6");
        story.LosePods(6, "2.0.0").Stands("2/3 Paused: 1.0.0 x 1, 2.0.0 x 2");
        story.Confirm(2).Stands("3/3 Completed: 2.0.0 x 3");
    }

    [Fact]
    public void A_first_release_in_batches_whose_base_pods_are_lost_is_made_up_for_and_goes_no_further()
    {
        var story = Story.Of(6, strategy: InThree).Stands("1/3 Paused: 1.0.0 x 2");
        story.LosePods(2, "1.0.0").Stands("1/3 Paused: 1.0.0 x 2");
        story.LosePods(4).Stands("1/3 Paused: ");
        story.AddPods(6).Stands("1/3 Paused: 1.0.0 x 2").Confirm(2).Stands("3/3 Completed: 1.0.0 x 6");
    }

    [Fact]
    public void A_first_release_that_was_scaled_down_makes_up_for_its_share_as_well()
    {
        var story = Story.Of(9, strategy: InThree).Stands("1/3 Paused: 1.0.0 x 3");
        story.Scale(4).Stands("1/3 Paused: 1.0.0 x 3");
        story.LosePods(3, "1.0.0").Stands("1/3 Paused: 1.0.0 x 2").Confirm(2).Stands("3/3 Completed: 1.0.0 x 4");
    }

    [Fact]
    public void A_first_release_of_a_symmetric_one_follows_its_base_by_its_share()
    {
        var story = Story.Of(3, replicas: -1, strategy: InThree).Stands("1/3 Paused: 1.0.0 x 1");
        story.AddPods(3).Stands("1/3 Paused: 1.0.0 x 2");
        story.LosePods(5).Settle();
        Assert.Equal(("1.0.0 x 1", 1), (story.Versions, story.Release.CurrentBatch));
    }

    [Fact]
    public void Scaled_in_the_middle_of_a_change_by_replicas_the_difference_is_applied_at_once()
    {
        var story = Story.Released(12, replicas: 3, strategy: InThree).Replicas(9).Stands("1/3 Paused: 1.0.0 x 5");
        story.Scale(12).Stands("1/3 Paused: 1.0.0 x 8");
        story.Confirm(1).Stands("2/3 Paused: 1.0.0 x 10").Confirm(2).Stands("3/3 Completed: 1.0.0 x 12");
    }

    [Fact]
    public void Set_back_before_the_other_field_followed_replicas_is_not_taken_for_a_scale()
    {
        var story = Story.Released(9, replicas: 3).Replicas(9);
        story.World.StepRollout(Story.Name);
        story.World.StepRollout(Story.Name);
        Assert.Equal(((int?)9, (int?)3), (story.Deployment.Spec.ScaleReplicas, story.Status.ObservedReplicas));
        story.Replicas(3).Settle();
        Assert.Equal(("1.0.0 x 3", (int?)3), (story.Versions, story.Deployment.Spec.ScaleReplicas));
    }

    [Fact]
    public void Between_two_older_revisions_nothing_moves()
    {
        var story = Story.Released(6, strategy: InThree).Upgrade("2.0.0").Stands("1/3 Paused: 1.0.0 x 4, 2.0.0 x 2");
        story.Upgrade("3.0.0");
        for (var i = 0; i < 3; i++) story.World.StepRollout(Story.Name);
        story.World.StepPlacement();
        story.World.StepRollout(Story.Name);
        story.World.StepPlacement();
        Assert.Equal((2, 4, 2), (story.Of("2.0.0").Count(), story.Of("1.0.0").Count(), story.Of("3.0.0").Count()));
    }
}
