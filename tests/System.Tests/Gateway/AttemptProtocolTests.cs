using Google.Protobuf.WellKnownTypes;
using ModuleController.ControlPlane.Agents;
using ModuleController.Core.Agents;
using ModuleController.Core.Commands;
using ModuleController.Core.Rollouts;
using ModuleController.Protocol;
using ModuleController.Protocol.V1;
using static ModuleController.SystemTests.Gateway.Messages;

namespace ModuleController.SystemTests.Gateway;

/// <summary>The attempts that a snapshot reports: what becomes of them, and their limits.</summary>
public sealed class AttemptProtocolTests
{
    private readonly DateTimeOffset _now = Start;

    [Fact]
    public void A_snapshot_tells_which_attempts_are_used_up_and_since_when()
    {
        var view = After(Reported("m-1/uninstall/b-1/7", 90)).View!;
        Assert.Equal(new("m-1/uninstall/b-1/7", CommandOutcome.Failed, FailureReason.HookFailed, _now.AddSeconds(-90)) { Rejections = 3 },
            Assert.Single(view.Attempts));
    }

    [Fact]
    public void The_same_attempts_reported_again_are_the_same_and_no_news()
    {
        var state = After(Reported("m-1/uninstall/b-1/7", 90));
        var again = Reported("m-1/uninstall/b-1/7", 91);
        again.Snapshot.Sequence = 2;
        var step = SessionProtocol.Handle(state, again, _now.AddSeconds(1.01));
        Assert.False(step.IsChanged);
        Assert.Same(state.View!.Attempts, step.State.View!.Attempts);

        var next = Reported("m-1/uninstall/b-1/8", 0);
        next.Snapshot.Sequence = 3;
        Assert.Equal("m-1/uninstall/b-1/8",
            Assert.Single(SessionProtocol.Handle(step.State, next, _now.AddSeconds(2)).State.View!.Attempts).CommandId);
    }

    [Theory]
    [InlineData("", "attempts.command_id: missing")]
    [InlineData("no-command", "attempts.command_id: has no number of the attempt")]
    [InlineData("m-1/uninstall/b-1/2147483647", "attempts.command_id: has no number of the attempt")]
    public void An_attempt_without_a_number_to_go_on_from_closes_the_stream(string id, string why) =>
        Assert.StartsWith(why, SessionProtocol.Handle(After(), Reported(id, 0), _now).Violation, StringComparison.Ordinal);

    [Fact]
    public void More_attempts_than_allowed_or_a_time_out_of_range_close_the_stream()
    {
        var many = Reported("m-1/uninstall/b-1/7", 0);
        while (many.Snapshot.Attempts.Count <= Limits.Attempts) many.Snapshot.Attempts.Add(many.Snapshot.Attempts[0].Clone());
        Assert.Equal("snapshot.attempts: 257 entries, at most 256", SessionProtocol.Handle(After(), many, _now).Violation);
        Assert.Equal("attempts.answered_for: out of range",
            SessionProtocol.Handle(After(), Reported("m-1/uninstall/b-1/7", -1), _now).Violation);
    }

    [Fact]
    public void Planner_and_protocol_speak_of_the_same_limits() => Assert.Equal(
        (Limits.HookedCommands, Limits.InspectionsPerSource, Limits.Staged),
        (ModuleCommand.MostInHooks, Inspection.AttemptsPerSource, ModuleCommand.MostStaged));

    private SessionState After(params ConnectRequest[] messages) =>
        messages.Prepend(Hello()).Aggregate(SessionState.New, (state, message) =>
    {
        var step = SessionProtocol.Handle(state, message, _now);
        Assert.Null(step.Violation);
        return step.State;
    });

    private static ConnectRequest Reported(string id, long seconds)
    {
        var snapshot = Snapshot(1);
        snapshot.Snapshot.Attempts.Add(new LastAttempt
        {
            CommandId = id,
            Outcome = Outcome.Failed,
            Reason = Reason.HookFailed,
            Rejections = 3,
            AnsweredFor = new Duration { Seconds = seconds },
        });
        return snapshot;
    }
}
