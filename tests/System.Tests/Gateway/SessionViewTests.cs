using ModuleController.Protocol.V1;
using static ModuleController.SystemTests.Gateway.Messages;
using BaseState = ModuleController.Core.Agents.BaseState;

namespace ModuleController.SystemTests.Gateway;

/// <summary>What messages say of a base.</summary>
public sealed class SessionViewTests
{
    private readonly TestSession _session = new();

    [Fact]
    public void The_first_snapshot_makes_the_view_current()
    {
        var view = _session.After(Hello(), Snapshot(1, biz: [Biz("orders", "m-1")])).View!;

        Assert.True(view.IsCurrent);
        var biz = Assert.Single(view.Biz);
        Assert.Equal(("orders", "1.0.0", "m-1", Core.Agents.BizState.Activated), (biz.Name, biz.Version, biz.ModuleUid, biz.State));
        Assert.Equal(Start, view.LastMessageAt);
        Assert.Equal(new(Life, Start), view.Life);
    }

    [Theory]
    [InlineData(0, null)]
    [InlineData(1239, 1239)]
    public void The_view_has_the_port_at_which_the_agent_reaches_Arklet(uint said, int? port)
    {
        var hello = Hello();
        hello.Hello.ArkletPort = said;

        Assert.Equal(port, _session.After(hello, Snapshot(1)).View!.ArkletPort);
        Assert.Equal(port, _session.After(hello, Snapshot(1), Heartbeat()).View!.ArkletPort);
    }

    [Fact]
    public void A_heartbeat_can_take_back_that_the_base_is_up_but_not_grant_it()
    {
        var up = _session.After(Hello(), Snapshot(1));
        var hung = _session.Handled(up, Heartbeat(Protocol.V1.BaseState.Hung));
        Assert.True(hung.IsChanged);
        Assert.Equal(BaseState.Hung, hung.State.View!.State);

        var again = _session.Handled(hung.State, Heartbeat());
        Assert.False(again.IsChanged);
        Assert.Equal(BaseState.Hung, again.State.View!.State);
    }

    [Fact]
    public void It_is_a_change_when_a_base_runs_out_of_Metaspace_and_when_it_has_some_again()
    {
        var state = _session.After(Hello(), Of(Snapshot(1), committed: 90));
        Assert.False(_session.Handled(state, Of(Heartbeat(), committed: 94)).IsChanged);
        var full = _session.Handled(state, Of(Heartbeat(), committed: 96));
        Assert.True(full.IsChanged);
        Assert.True(full.State.View!.IsOutOfMetaspace);
        Assert.False(_session.Handled(full.State, Of(Snapshot(2), committed: 97)).IsChanged);
        Assert.True(_session.Handled(full.State, Of(Snapshot(2), committed: 60)).IsChanged);

        static ConnectRequest Of(ConnectRequest message, long committed)
        {
            var jvm = new JvmHealth { CommittedMetaspace = committed, MaxMetaspace = 100 };
            if (message.Snapshot is not null) message.Snapshot.Jvm = jvm;
            else message.Heartbeat.Jvm = jvm;
            return message;
        }
    }

    [Fact]
    public void A_base_that_answers_again_after_a_silence_is_known_to()
    {
        var state = _session.After(Hello(), Snapshot(1));
        Assert.Null(state.View!.AnsweringSince);
        state = _session.Handled(state, Snapshot(2, Protocol.V1.BaseState.Hung)).State;
        _session.Pass(TimeSpan.FromSeconds(9));
        state = _session.Handled(state, Snapshot(3)).State;
        var since = _session.Now;
        _session.Pass(TimeSpan.FromSeconds(9));

        Assert.Equal(since, _session.Handled(state, Snapshot(4)).State.View!.AnsweringSince);
    }

    [Fact]
    public void How_long_Arklet_has_been_silent_is_known()
    {
        var state = _session.After(Hello(), Snapshot(1));
        Assert.Null(state.View!.UnansweredSince);
        _session.Pass(TimeSpan.FromSeconds(9));
        var since = _session.Now;
        state = _session.Handled(state, Heartbeat(Protocol.V1.BaseState.Hung)).State;
        _session.Pass(TimeSpan.FromSeconds(9));
        state = _session.Handled(state, Snapshot(2, Protocol.V1.BaseState.Down)).State;
        Assert.Equal(since, state.View!.UnansweredSince);
        Assert.Null(_session.Handled(state, Snapshot(3)).State.View!.UnansweredSince);
    }

    [Fact]
    public void An_equal_snapshot_changes_nothing_and_shares_the_list()
    {
        var state = _session.After(Hello(), Snapshot(1, biz: [Biz("orders", "m-1"), Biz("catalog")]));
        _session.Pass(TimeSpan.FromMinutes(1));

        var step = _session.Handled(state, Snapshot(2, biz: [Biz("orders", "m-1"), Biz("catalog")]));

        Assert.False(step.IsChanged);
        Assert.Same(state.View!.Biz, step.State.View!.Biz);
        Assert.Equal(_session.Now, step.State.View.LastMessageAt);
    }
}
