using ModuleController.Core.BasePods;
using ModuleController.Core.Tests.World;

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
}
