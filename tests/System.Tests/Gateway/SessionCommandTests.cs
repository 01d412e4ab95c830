using ModuleController.ControlPlane.Agents;
using ModuleController.Core.Agents;
using ModuleController.Core.Commands;
using ModuleController.Protocol.V1;
using static ModuleController.SystemTests.Gateway.Messages;

namespace ModuleController.SystemTests.Gateway;

/// <summary>Which command a session may send, and what answers it.</summary>
public sealed class SessionCommandTests
{
    private readonly TestSession _session = new();

    [Fact]
    public void A_command_that_an_agent_would_refuse_is_answered_and_the_next_one_can_be_sent()
    {
        var command = Install();
        var problem = new CommandProblem(FailureReason.InvalidArtifact,
            "spec.module.md5: must be 32 hexadecimal digits, or empty, not 'abc'");

        var step = SessionProtocol.Refuse(_session.After(Hello(), Snapshot(1)), command, problem, _session.Now);

        Assert.True(step is { Violation: null, IsChanged: true });
        Assert.Equal((CommandOutcome.Refused, FailureReason.InvalidArtifact, problem.Message),
            (step.Answer!.Outcome, step.Answer.Reason!.Value, step.Answer.Message));
        Assert.Equal(step.Answer, step.State.View!.Answers[command.Id]);
        Assert.NotNull(SessionProtocol.Send(step.State, Install("m-2"), _session.Now));
    }

    [Fact]
    public void A_command_is_under_way_from_being_sent_to_its_answer()
    {
        var command = Install();
        var sent = _session.Send(_session.After(Hello(), Snapshot(1)), command);
        Assert.Equal(command.Id, sent.View!.Sent);

        var waiting = _session.Handled(sent, Snapshot(2)).State;
        Assert.Equal(command.Id, waiting.View!.Sent);
        Assert.Null(SessionProtocol.Send(waiting, Install("m-2"), _session.Now));

        var running = _session.Handled(waiting, Progress(command.Id)).State;
        Assert.Null(running.View!.Sent);
        Assert.Equal(command.Id, Assert.Single(running.View.Running).CommandId);
        Assert.Null(SessionProtocol.Send(running, Install("m-2"), _session.Now));

        var finished = _session.Handled(running, Snapshot(3)).State;
        Assert.Equal(command.Id, finished.View!.Sent);
        Assert.Null(SessionProtocol.Send(finished, Install("m-2"), _session.Now));

        var answered = _session.Handled(finished, Result(command.Id, Outcome.Failed, Reason.BizStartFailed));
        Assert.Same(command, answered.Command);
        Assert.Null(answered.State.View!.Sent);
        Assert.Equal(FailureReason.BizStartFailed, answered.State.View.Answers[command.Id].Reason);
        Assert.NotNull(SessionProtocol.Send(answered.State, Install("m-2"), _session.Now));
    }

    [Fact]
    public void An_inspection_waits_for_nobody_and_nobody_for_it()
    {
        var state = _session.Send(_session.Send(_session.After(Hello(), Snapshot(1)), Inspect()), Install());

        Assert.NotNull(SessionProtocol.Send(state, Inspect("rs-2"), _session.Now));
        Assert.Null(SessionProtocol.Send(state, Inspect(), _session.Now));
        Assert.Equal(Install().Id, state.View!.Sent);
    }

    [Fact]
    public void While_a_hook_is_called_the_base_is_free_but_not_for_a_module_of_that_name()
    {
        var (hooked, invoice, orders) = (Install(), Install("m-2", name: "invoice"), Install("m-3"));
        var state = _session.Handled(_session.Send(_session.After(Hello(), Snapshot(1)), hooked), Progress(hooked.Id)).State;
        Assert.Null(SessionProtocol.Send(state, invoice, _session.Now));

        var step = SessionProtocol.Handle(state, Progress(hooked.Id, CommandPhase.Hook), _session.Now);
        Assert.True(step.IsChanged);
        Assert.True(Assert.Single(step.State.View!.Running).IsInHook);
        Assert.Null(SessionProtocol.Send(step.State, orders, _session.Now));
        Assert.NotNull(SessionProtocol.Send(step.State, invoice, _session.Now));

        step = SessionProtocol.Handle(step.State, Progress(hooked.Id), _session.Now);
        Assert.True(step.IsChanged);
        Assert.Null(SessionProtocol.Send(step.State, invoice, _session.Now));
    }

    [Fact]
    public void A_snapshot_says_too_for_which_commands_a_hook_is_called()
    {
        var message = Snapshot(1, running: ["m-1/install/b-1/1"]);
        (message.Snapshot.Running[0].ModuleName, message.Snapshot.Running[0].Phase) = ("orders", CommandPhase.Hook);
        var state = _session.After(Hello(), message);
        Assert.NotNull(SessionProtocol.Send(state, Install("m-2", name: "invoice"), _session.Now));
        Assert.Null(SessionProtocol.Send(state, Install("m-3"), _session.Now));
    }

    [Fact]
    public void What_another_session_had_sent_and_runs_still_keeps_the_next_command_waiting()
    {
        var state = _session.After(Hello(), Snapshot(1, running: [Install().Id]));

        Assert.Null(SessionProtocol.Send(state, Install("m-2"), _session.Now));
        Assert.NotNull(SessionProtocol.Send(_session.After(Hello(), Snapshot(1, running: [Inspect().Id])), Install("m-2"), _session.Now));
    }

    [Fact]
    public void A_new_base_life_ends_commands_and_answers_of_the_old_one()
    {
        var state = _session.After(Hello(), Snapshot(1), Result("m-0/install/b-1/1"));
        state = _session.Send(state, Install());

        var next = Snapshot(2, life: "b-2");
        next.Snapshot.Interrupted.Add(Install().Id);
        state = _session.Handled(state, next).State;

        Assert.Null(state.View!.Sent);
        Assert.Empty(state.Sent);
        Assert.Empty(state.View.Answers);
        Assert.Equal([Install().Id], state.View.Interrupted);
        Assert.NotNull(SessionProtocol.Send(state, Install(life: "b-2"), _session.Now));
    }

    [Fact]
    public void Only_the_newest_answers_are_kept()
    {
        var state = _session.After(Hello(), Snapshot(1));
        for (var i = 0; i < SessionProtocol.KeptAnswers + 5; i++)
        {
            _session.Pass(TimeSpan.FromSeconds(1));
            state = _session.Handled(state, Result($"m-{i}/install/b-1/1")).State;
        }

        Assert.Equal(SessionProtocol.KeptAnswers, state.View!.Answers.Count);
        Assert.DoesNotContain("m-4/install/b-1/1", state.View.Answers.Keys);
        Assert.Contains("m-5/install/b-1/1", state.View.Answers.Keys);
    }

    [Fact]
    public void A_refusal_for_another_base_life_is_an_answer_without_a_reason()
    {
        var state = _session.After(Hello(), Snapshot(1), Result("m-1/install/b-0/1", Outcome.Refused));

        var answer = state.View!.Answers["m-1/install/b-0/1"];
        Assert.Equal((CommandOutcome.Refused, null), (answer.Outcome, answer.Reason));
    }

    [Fact]
    public void A_session_is_overdue_when_it_is_silent_or_owes_an_answer()
    {
        var silence = TimeSpan.FromSeconds(30);
        var state = _session.Send(_session.After(Hello(), Snapshot(1)), Install());
        Assert.Null(SessionProtocol.Overdue(state, _session.Now + silence, silence));
        Assert.Contains("no message for", SessionProtocol.Overdue(state, _session.Now + silence + TimeSpan.FromTicks(1), silence),
            StringComparison.Ordinal);

        _session.Pass(TimeSpan.FromSeconds(91));
        Assert.Contains(Install().Id, SessionProtocol.Overdue(_session.Handled(state, Heartbeat()).State, _session.Now, silence),
            StringComparison.Ordinal);
        Assert.Null(SessionProtocol.Overdue(_session.Handled(state, Snapshot(2, running: [Install().Id])).State, _session.Now, silence));
    }
}
