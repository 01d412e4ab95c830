using ModuleController.Core.Agents;
using ModuleController.Core.Builtin;
using ModuleController.Core.Meta;
using ModuleController.Core.Placement;
using ModuleController.Core.Tests.World;

namespace ModuleController.Core.Tests.Placement;

/// <summary>Which pods are still starting, and until when that is believed.</summary>
public class StartingPodTests
{
    private static readonly TimeSpan Grace = TimeSpan.FromMinutes(5);

    private static readonly DateTimeOffset LongAgo = A.Time.AddHours(-1);

    private static readonly DateTimeOffset Now = A.Time;

    [Theory]
    [InlineData(-300, null, -300, false)]   // no agent in all that time
    [InlineData(-300, -300, -900, false)]
    [InlineData(-299, -300, -300, true)]    // not Ready for long enough
    [InlineData(-300, -299, -900, true)]    // heard a moment ago
    [InlineData(-300, null, -299, true)]    // who leads has not listened for long enough
    public void One_that_is_Ready_and_silent_is_given_up_after_the_grace_time(int ready, int? heard, int accepting, bool isComing) =>
        Expect(isComing, Observed(At(ready)) with { AcceptingSince = At(accepting), View = heard is { } last ? View(At(last)) : null });

    [Fact]
    public void A_leader_that_does_not_accept_agents_yet_gives_nobody_up()
    {
        var observed = Observed(LongAgo) with { AcceptingSince = DateTimeOffset.MaxValue };
        Expect(true, observed);
        Assert.Equal(Now + Grace, PodAssessment.EvictionAt(observed, Grace, Now));
    }

    [Fact]
    public void An_agent_whose_Arklet_is_silent_is_given_up_too_however_often_it_speaks()
    {
        BaseView Silent(int since) => View(Now) with { IsConnected = true, State = BaseState.Hung, UnansweredSince = At(since) };
        Expect(true, Observed(LongAgo) with { View = Silent(-299) });
        Expect(false, Observed(LongAgo) with { View = Silent(-300) });
    }

    [Fact]
    public void Where_the_agent_is_not_Ready_either_the_age_of_the_pod_counts()
    {
        var pod = Observed(LongAgo).Pod;
        PodStatus dead = new()
        {
            Conditions = [new() { Type = "ContainersReady", Status = Condition.False, LastTransitionTime = At(-10) }],
            ContainerStatuses = [new() { Name = "base", Ready = true }, new() { Name = "agent", Ready = false }],
        };
        Expect(false, new(pod with { Status = dead }, null, View(At(-400))));
    }

    [Theory]
    [InlineData(-1, false)]
    [InlineData(-299, false)]
    [InlineData(-300, true)]
    public void Only_the_time_in_which_the_base_itself_is_unready_counts(int unreadySince, bool isLost)
    {
        // The agent has been unready for an hour, so ContainersReady has been False for an hour.
        var observed = new ObservedPod(
            Observed(LongAgo).Pod with
            {
                Status = new()
                {
                    Conditions = [new() { Type = "ContainersReady", Status = Condition.False, LastTransitionTime = LongAgo }],
                    ContainerStatuses = [new() { Name = "base", Ready = false }, new() { Name = "agent", Ready = false }],
                },
            },
            null, View(Now))
        {
            UnreadySince = At(unreadySince),
        };

        Assert.Equal(isLost, PodAssessment.Of(observed, Grace, Now).IsPastGrace);
        Assert.Equal(isLost ? null : At(unreadySince) + Grace, PodAssessment.EvictionAt(observed, Grace, Now));
    }

    [Fact]
    public void One_whose_base_is_Ready_is_never_lost_for_its_agent()
    {
        var observed = new ObservedPod(
            Observed(LongAgo).Pod with
            {
                Status = new()
                {
                    Conditions = [new() { Type = "ContainersReady", Status = Condition.False, LastTransitionTime = LongAgo }],
                    ContainerStatuses = [new() { Name = "base", Ready = true }, new() { Name = "agent", Ready = false }],
                },
            },
            null, null);

        Assert.False(PodAssessment.Of(observed, Grace, Now).IsPastGrace);
    }

    [Fact]
    public void One_that_speaks_has_come()
    {
        var current = View(Now) with { IsConnected = true };
        var observed = Observed(LongAgo) with { View = current };
        Expect(false, observed);
        Assert.Null(PodAssessment.EvictionAt(observed, Grace, Now));
    }

    private static void Expect(bool isComing, ObservedPod observed)
    {
        Assert.Equal(isComing, PodAssessment.Of(observed, Grace, Now).IsStarting);
        var at = PodAssessment.EvictionAt(observed, Grace, Now);
        Assert.Equal(isComing, at is not null);
        // It is looked at again in time, and then no more.
        if (at is null || observed.AcceptingSince > Now) return;
        Assert.False(PodAssessment.Of(observed, Grace, at.Value).IsStarting);
        Assert.Null(PodAssessment.EvictionAt(observed, Grace, at.Value));
    }

    private static DateTimeOffset At(int seconds) => Now.AddSeconds(seconds);

    private static ObservedPod Observed(DateTimeOffset ready) => new(
        new Pod
        {
            Metadata = new() { Name = "base-0", Uid = "uid", CreationTimestamp = LongAgo },
            Status = new() { Conditions = [new() { Type = "ContainersReady", Status = Condition.True, LastTransitionTime = ready }] },
        },
        null, null);

    [Theory]
    [InlineData(true, Condition.True, true)]
    [InlineData(null, Condition.False, true)]
    [InlineData(null, Condition.Unknown, true)]
    [InlineData(null, Condition.True, false)]
    public void A_pod_on_a_cordoned_or_unready_node_is_disrupted(bool? isUnschedulable, string isReady, bool isDisrupted)
    {
        var node = new Node
        {
            Spec = new() { Unschedulable = isUnschedulable },
            Status = new() { Conditions = [new() { Type = "Ready", Status = isReady, LastTransitionTime = Now }] },
        };

        Assert.Equal(isDisrupted, PodAssessment.Of(new(Observed(LongAgo).Pod, node, View(Now)), Grace, Now).IsDisrupted);
    }

    private static BaseView View(DateTimeOffset heard) => new()
    {
        IsConnected = false,
        LastMessageAt = heard,
        State = BaseState.Up,
        Life = new("life", LongAgo),
        IsBizKnown = true,
    };
}
