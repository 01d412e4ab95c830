using ModuleController.Core.BasePods;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.Core.Tests.World;
using static ModuleController.Core.Tests.Rollout.Failures;

namespace ModuleController.Core.Tests.Rollout;

/// <summary>What acquits a revision for good is seen, not believed.</summary>
public class LivedTests
{
    [Fact]
    public void What_the_status_says_of_silent_bases_proves_no_life()
    {
        var story = Story.Of(2);
        story.World.AreAgentsSilent = true;
        story.Settle().Pass(120).Settle();
        Assert.Equal(2, story.Status.AvailableReplicas);
        Assert.All(story.World.ReplicaSets.Values, set => Assert.False(Quarantine.HasLived(set)));
        // They may be heard again without anything else that would trigger it.
        Assert.True(story.Plan().RequeueAt <= story.World.Now + BasePodTimes.Suspicious);

        story.World.AreAgentsSilent = false;
        story.Settle();
        Assert.All(story.World.ReplicaSets.Values, set => Assert.True(Quarantine.HasLived(set)));
        Assert.Null(story.Plan().RequeueAt);
    }

    [Fact]
    public void A_revision_that_has_lived_is_not_quarantined()
    {
        var story = Story.Released(4).Pass(100).Upgrade("2.0.0").Settle().Pass(60).Settle();
        EndJvm(story, exits: 5);
        story.Settle();
        Assert.Equal("1/1 Completed: 2.0.0 x 4", story.Stand);
    }

    [Fact]
    public void That_it_has_lived_is_noted_once_and_looked_for_at_the_right_time()
    {
        var story = Story.Released(4).Upgrade("2.0.0").Settle();
        Assert.Empty(Lived(story));
        Assert.Equal(story.World.Now.AddSeconds(60), story.Plan().RequeueAt);
        story.Pass(59).Settle();
        Assert.Empty(Lived(story));
        story.Pass(1).Rest();
        var lived = Assert.Single(Lived(story));
        Assert.Equal(("2.0.0", KubeTime.Text(story.World.Now)),
            (lived.Spec.Template.Spec.Module.Version, lived.Metadata.Annotations[Annotations.LivedAt]));
        Assert.Null(story.Plan().RequeueAt);
        story.Pass(10_000).Rest();
        Assert.Equal(lived.Metadata.Annotations[Annotations.LivedAt],
            Assert.Single(Lived(story)).Metadata.Annotations[Annotations.LivedAt]);
    }

    [Fact]
    public void A_revision_that_lived_for_weeks_is_not_quarantined_when_none_of_its_modules_serves()
    {
        var story = Story.Released(4, strategy: strategy => strategy with { AutoRollback = true }).Upgrade("2.0.0").Settle().Pass(60)
            .Settle();
        story.Pass(3_000_000).Settle();
        foreach (var module in story.Of("2.0.0").ToList()) EndJvm(story, module, exits: 2);
        story.Rest();
        Assert.Equal((4, ReleaseProgress.Completed), (story.Status.UnavailableReplicas, story.Release.Progress));
        Assert.Null(story.Status.AbortedRevision);
    }

    [Fact]
    public void What_lived_before_anybody_noted_it_is_noted_of_every_revision_that_serves()
    {
        var story = Story.Released(4, strategy: strategy => strategy with { BatchCount = 2, NeedConfirm = true }).Pass(100).Upgrade("2.0.0")
            .Settle().Pass(100).Settle();
        Assert.Equal(["1.0.0", "2.0.0"], story.Of("1.0.0").Concat(story.Of("2.0.0")).Select(module => module.Spec.Module.Version)
            .Distinct());
        foreach (var (name, set) in story.World.ReplicaSets.ToList())
            story.World.ReplicaSets[name] = set with
            {
                Metadata = set.Metadata with
                {
                    Annotations = set.Metadata.Annotations.Where(pair => pair.Key != Annotations.LivedAt)
                    .ToDictionary()
                },
            };
        story.Settle();
        Assert.Equal(["1.0.0", "2.0.0"], Lived(story).Select(set => set.Spec.Template.Spec.Module.Version).Order(StringComparer.Ordinal));
    }

    private static List<ModuleReplicaSet> Lived(Story story) =>
        [.. story.World.ReplicaSets.Values.Where(set => set.Metadata.Annotations.ContainsKey(Annotations.LivedAt))];
}
