using ModuleController.ControlPlane.Agents;
using ModuleController.Core.Agents;
using ModuleController.Core.Commands;
using ModuleController.Protocol.V1;
using static ModuleController.SystemTests.Gateway.Messages;
using BaseState = ModuleController.Core.Agents.BaseState;

namespace ModuleController.SystemTests.Gateway;

/// <summary>What each message does to a session, and in which order they may come.</summary>
public sealed class SessionProtocolTests
{
    private DateTimeOffset _now = Start;

    [Fact]
    public void Nothing_is_known_before_the_full_snapshot()
    {
        var greeted = After(Hello());

        Assert.Equal(SessionPhase.AwaitingSnapshot, greeted.Phase);
        Assert.Equal(new(new("default", "base-0"), "uid-0", "1.0.0", 0), greeted.Hello);
        Assert.Null(greeted.View);
        Assert.Null(SessionProtocol.Send(greeted, Install(), _now));
    }

    [Fact]
    public void The_first_snapshot_makes_the_view_current()
    {
        var view = After(Hello(), Snapshot(1, biz: [Biz("orders", "m-1")])).View!;

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

        Assert.Equal(port, After(hello, Snapshot(1)).View!.ArkletPort);
        Assert.Equal(port, After(hello, Snapshot(1), Heartbeat()).View!.ArkletPort);
    }

    public static TheoryData<string, string> Orders => new()
    {
        { "snapshot", "expected a hello" },
        { "heartbeat", "expected a hello" },
        { "progress", "expected a hello" },
        { "result", "expected a hello" },
        { "hello hello", "a second hello" },
        { "hello heartbeat", "expected the full snapshot" },
        { "hello progress", "expected the full snapshot" },
        { "hello result", "expected the full snapshot" },
        { "hello snapshot hello", "a second hello" },
        { "hello snapshot snapshot snapshot-again", "snapshot 2 after snapshot 2" },
        { "hello snapshot empty", "the message is empty" },
        { "empty", "the message is empty" },
    };

    [Theory]
    [MemberData(nameof(Orders))]
    public void A_message_out_of_order_says_so_and_changes_nothing(string order, string why)
    {
        var words = order.Split(' ');
        var state = SessionState.New;
        ulong sequence = 0;
        foreach (var word in words[..^1]) state = Handled(state, Word(word, ref sequence)).State;

        var step = Handle(state, Word(words[^1], ref sequence));

        Assert.NotNull(step.Violation);
        Assert.Contains(why, step.Violation, StringComparison.Ordinal);
        Assert.Same(state, step.State);
    }

    [Fact]
    public void A_command_that_an_agent_would_refuse_is_answered_and_the_next_one_can_be_sent()
    {
        var command = Install();
        var problem = new CommandProblem(FailureReason.InvalidArtifact,
            "spec.module.md5: must be 32 hexadecimal digits, or empty, not 'abc'");

        var step = SessionProtocol.Refuse(After(Hello(), Snapshot(1)), command, problem, _now);

        Assert.True(step is { Violation: null, IsChanged: true });
        Assert.Equal((CommandOutcome.Refused, FailureReason.InvalidArtifact, problem.Message),
            (step.Answer!.Outcome, step.Answer.Reason!.Value, step.Answer.Message));
        Assert.Equal(step.Answer, step.State.View!.Answers[command.Id]);
        Assert.NotNull(SessionProtocol.Send(step.State, Install("m-2"), _now));
    }

    [Fact]
    public void A_command_is_under_way_from_being_sent_to_its_answer()
    {
        var command = Install();
        var sent = Send(After(Hello(), Snapshot(1)), command);
        Assert.Equal(command.Id, sent.View!.Sent);

        var waiting = Handled(sent, Snapshot(2)).State;
        Assert.Equal(command.Id, waiting.View!.Sent);
        Assert.Null(SessionProtocol.Send(waiting, Install("m-2"), _now));

        var running = Handled(waiting, Progress(command.Id)).State;
        Assert.Null(running.View!.Sent);
        Assert.Equal(command.Id, Assert.Single(running.View.Running).CommandId);
        Assert.Null(SessionProtocol.Send(running, Install("m-2"), _now));

        var finished = Handled(running, Snapshot(3)).State;
        Assert.Equal(command.Id, finished.View!.Sent);
        Assert.Null(SessionProtocol.Send(finished, Install("m-2"), _now));

        var answered = Handled(finished, Result(command.Id, Outcome.Failed, Reason.BizStartFailed));
        Assert.Same(command, answered.Command);
        Assert.Null(answered.State.View!.Sent);
        Assert.Equal(FailureReason.BizStartFailed, answered.State.View.Answers[command.Id].Reason);
        Assert.NotNull(SessionProtocol.Send(answered.State, Install("m-2"), _now));
    }

    [Fact]
    public void An_inspection_waits_for_nobody_and_nobody_for_it()
    {
        var state = Send(Send(After(Hello(), Snapshot(1)), Inspect()), Install());

        Assert.NotNull(SessionProtocol.Send(state, Inspect("rs-2"), _now));
        Assert.Null(SessionProtocol.Send(state, Inspect(), _now));
        Assert.Equal(Install().Id, state.View!.Sent);
    }

    [Fact]
    public void While_a_hook_is_called_the_base_is_free_but_not_for_a_module_of_that_name()
    {
        var (hooked, invoice, orders) = (Install(), Install("m-2", name: "invoice"), Install("m-3"));
        var state = Handled(Send(After(Hello(), Snapshot(1)), hooked), Progress(hooked.Id)).State;
        Assert.Null(SessionProtocol.Send(state, invoice, _now));

        var step = SessionProtocol.Handle(state, Progress(hooked.Id, CommandPhase.Hook), _now);
        Assert.True(step.IsChanged);
        Assert.True(Assert.Single(step.State.View!.Running).IsInHook);
        Assert.Null(SessionProtocol.Send(step.State, orders, _now));
        Assert.NotNull(SessionProtocol.Send(step.State, invoice, _now));

        step = SessionProtocol.Handle(step.State, Progress(hooked.Id), _now);
        Assert.True(step.IsChanged);
        Assert.Null(SessionProtocol.Send(step.State, invoice, _now));
    }

    [Fact]
    public void A_snapshot_says_too_for_which_commands_a_hook_is_called()
    {
        var message = Snapshot(1, running: ["m-1/install/b-1/1"]);
        (message.Snapshot.Running[0].ModuleName, message.Snapshot.Running[0].Phase) = ("orders", CommandPhase.Hook);
        var state = After(Hello(), message);
        Assert.NotNull(SessionProtocol.Send(state, Install("m-2", name: "invoice"), _now));
        Assert.Null(SessionProtocol.Send(state, Install("m-3"), _now));
    }

    [Fact]
    public void What_another_session_had_sent_and_runs_still_keeps_the_next_command_waiting()
    {
        var state = After(Hello(), Snapshot(1, running: [Install().Id]));

        Assert.Null(SessionProtocol.Send(state, Install("m-2"), _now));
        Assert.NotNull(SessionProtocol.Send(After(Hello(), Snapshot(1, running: [Inspect().Id])), Install("m-2"), _now));
    }

    [Fact]
    public void A_heartbeat_can_take_back_that_the_base_is_up_but_not_grant_it()
    {
        var up = After(Hello(), Snapshot(1));
        var hung = Handled(up, Heartbeat(Protocol.V1.BaseState.Hung));
        Assert.True(hung.IsChanged);
        Assert.Equal(BaseState.Hung, hung.State.View!.State);

        var again = Handled(hung.State, Heartbeat());
        Assert.False(again.IsChanged);
        Assert.Equal(BaseState.Hung, again.State.View!.State);
    }

    [Fact]
    public void It_is_a_change_when_a_base_runs_out_of_Metaspace_and_when_it_has_some_again()
    {
        var state = After(Hello(), Of(Snapshot(1), committed: 90));
        Assert.False(Handled(state, Of(Heartbeat(), committed: 94)).IsChanged);
        var full = Handled(state, Of(Heartbeat(), committed: 96));
        Assert.True(full.IsChanged);
        Assert.True(full.State.View!.IsOutOfMetaspace);
        Assert.False(Handled(full.State, Of(Snapshot(2), committed: 97)).IsChanged);
        Assert.True(Handled(full.State, Of(Snapshot(2), committed: 60)).IsChanged);

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
        var state = After(Hello(), Snapshot(1));
        Assert.Null(state.View!.AnsweringSince);
        state = Handled(state, Snapshot(2, Protocol.V1.BaseState.Hung)).State;
        _now += TimeSpan.FromSeconds(9);
        state = Handled(state, Snapshot(3)).State;
        var since = _now;
        _now += TimeSpan.FromSeconds(9);

        Assert.Equal(since, Handled(state, Snapshot(4)).State.View!.AnsweringSince);
    }

    [Fact]
    public void How_long_Arklet_has_been_silent_is_known()
    {
        var state = After(Hello(), Snapshot(1));
        Assert.Null(state.View!.UnansweredSince);
        var since = _now += TimeSpan.FromSeconds(9);
        state = Handled(state, Heartbeat(Protocol.V1.BaseState.Hung)).State;
        _now += TimeSpan.FromSeconds(9);
        state = Handled(state, Snapshot(2, Protocol.V1.BaseState.Down)).State;
        Assert.Equal(since, state.View!.UnansweredSince);
        Assert.Null(Handled(state, Snapshot(3)).State.View!.UnansweredSince);
    }

    [Fact]
    public void A_new_base_life_ends_commands_and_answers_of_the_old_one()
    {
        var state = After(Hello(), Snapshot(1), Result("m-0/install/b-1/1"));
        state = Send(state, Install());

        var next = Snapshot(2, life: "b-2");
        next.Snapshot.Interrupted.Add(Install().Id);
        state = Handled(state, next).State;

        Assert.Null(state.View!.Sent);
        Assert.Empty(state.Sent);
        Assert.Empty(state.View.Answers);
        Assert.Equal([Install().Id], state.View.Interrupted);
        Assert.NotNull(SessionProtocol.Send(state, Install(life: "b-2"), _now));
    }

    [Fact]
    public void An_equal_snapshot_changes_nothing_and_shares_the_list()
    {
        var state = After(Hello(), Snapshot(1, biz: [Biz("orders", "m-1"), Biz("catalog")]));
        _now += TimeSpan.FromMinutes(1);

        var step = Handled(state, Snapshot(2, biz: [Biz("orders", "m-1"), Biz("catalog")]));

        Assert.False(step.IsChanged);
        Assert.Same(state.View!.Biz, step.State.View!.Biz);
        Assert.Equal(_now, step.State.View.LastMessageAt);
    }

    [Fact]
    public void Only_the_newest_answers_are_kept()
    {
        var state = After(Hello(), Snapshot(1));
        for (var i = 0; i < SessionProtocol.KeptAnswers + 5; i++)
        {
            _now += TimeSpan.FromSeconds(1);
            state = Handled(state, Result($"m-{i}/install/b-1/1")).State;
        }

        Assert.Equal(SessionProtocol.KeptAnswers, state.View!.Answers.Count);
        Assert.DoesNotContain("m-4/install/b-1/1", state.View.Answers.Keys);
        Assert.Contains("m-5/install/b-1/1", state.View.Answers.Keys);
    }

    [Fact]
    public void A_refusal_for_another_base_life_is_an_answer_without_a_reason()
    {
        var state = After(Hello(), Snapshot(1), Result("m-1/install/b-0/1", Outcome.Refused));

        var answer = state.View!.Answers["m-1/install/b-0/1"];
        Assert.Equal((CommandOutcome.Refused, null), (answer.Outcome, answer.Reason));
    }

    [Fact]
    public void A_session_is_overdue_when_it_is_silent_or_owes_an_answer()
    {
        var silence = TimeSpan.FromSeconds(30);
        var state = Send(After(Hello(), Snapshot(1)), Install());
        Assert.Null(SessionProtocol.Overdue(state, _now + silence, silence));
        Assert.Contains("no message for", SessionProtocol.Overdue(state, _now + silence + TimeSpan.FromTicks(1), silence),
            StringComparison.Ordinal);

        _now += TimeSpan.FromSeconds(91);
        Assert.Contains(Install().Id, SessionProtocol.Overdue(Handled(state, Heartbeat()).State, _now, silence), StringComparison.Ordinal);
        Assert.Null(SessionProtocol.Overdue(Handled(state, Snapshot(2, running: [Install().Id])).State, _now, silence));
    }

    private static ConnectRequest Word(string word, ref ulong sequence) => word switch
    {
        "hello" => Hello(),
        "snapshot" => Snapshot(++sequence),
        "snapshot-again" => Snapshot(sequence),
        "heartbeat" => Heartbeat(),
        "progress" => Progress("m-1/install/b-1/1"),
        "result" => Result("m-1/install/b-1/1"),
        "empty" => new(),
        _ => throw new ArgumentException(word),
    };

    private SessionState After(params ConnectRequest[] messages) =>
        messages.Aggregate(SessionState.New, (state, message) => Handled(state, message).State);

    private SessionState Send(SessionState state, ModuleCommand command)
    {
        var next = SessionProtocol.Send(state, command, _now);
        Assert.NotNull(next);
        return next;
    }

    private SessionStep Handled(SessionState state, ConnectRequest message)
    {
        var step = Handle(state, message);
        Assert.Null(step.Violation);
        return step;
    }

    private SessionStep Handle(SessionState state, ConnectRequest message) => SessionProtocol.Handle(state, message, _now);
}
