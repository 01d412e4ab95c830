using System.Collections.ObjectModel;
using ModuleController.Core.Agents;
using ModuleController.Core.Commands;
using ModuleController.Protocol;
using ModuleController.Protocol.V1;
using BaseLife = ModuleController.Core.Agents.BaseLife;
using BaseState = ModuleController.Core.Agents.BaseState;
using CommandId = ModuleController.Core.Commands.CommandId;
using RunningCommand = ModuleController.Core.Agents.RunningCommand;

namespace ModuleController.ControlPlane.Agents;

/// <summary>Applies a message to its session. No I/O, so every order of messages can be tested.</summary>
/// <remarks>
/// First one hello, then a full snapshot, then any messages but a hello, in any order. Before the snapshot nothing is known, and only
/// credentials are accepted. A command that
/// was sent is in progress until it is answered, even if snapshots do not list it.
/// </remarks>
public static class SessionProtocol
{
    /// <summary>The most answers that a session keeps. Snapshots report the attempts of older ones.</summary>
    public const int KeptAnswers = 32;

    /// <summary>The code of an answer to a command that was not sent.</summary>
    public const string InvalidCommand = "INVALID_COMMAND";

    /// <summary>How long after its deadline a command may be neither answered nor running before the stream is closed.</summary>
    public static readonly TimeSpan AnswerGrace = TimeSpan.FromSeconds(30);

    public static SessionStep Handle(SessionState state, ConnectRequest message, DateTimeOffset now)
    {
        if (MessageLimits.Check(message) is { } broken) return new(state, broken);
        return (state.Phase, message.MessageCase) switch
        {
            (_, ConnectRequest.MessageOneofCase.None) => new(state, "the message is empty, or of a kind that this version doesn't know"),
            (SessionPhase.AwaitingHello, ConnectRequest.MessageOneofCase.Hello) => Greet(state, message.Hello),
            (SessionPhase.AwaitingHello, var other) => new(state, $"expected a hello, got {Name(other)}"),
            (_, ConnectRequest.MessageOneofCase.Hello) => new(state, "a second hello on one stream"),
            (_, ConnectRequest.MessageOneofCase.Credential) => Renew(state, message.Credential, now),
            (_, ConnectRequest.MessageOneofCase.Snapshot) => Observe(state, message.Snapshot, now),
            (SessionPhase.AwaitingSnapshot, var other) => new(state, $"expected the full snapshot, got {Name(other)}"),
            (_, ConnectRequest.MessageOneofCase.Heartbeat) => Observe(state, message.Heartbeat, now),
            (_, ConnectRequest.MessageOneofCase.Progress) => Progress(state, message.Progress, now),
            _ => Answer(state, message.Result, now),
        };
    }

    /// <summary>The state after a command was sent; null: it cannot be sent, as nothing is known yet, or another command runs.</summary>
    public static SessionState? Send(SessionState state, ModuleCommand command, DateTimeOffset now)
    {
        if (state.View is not { } view || state.Sent.Any(sent => sent.Command.Id == command.Id)) return null;
        if (view.Running.Any(running => running.CommandId == command.Id)) return null;
        if (!command.IsBeside && (view.Sent is not null || view.Running.Any(running => HoldsTheBase(running, command)))) return null;
        return WithSent(state, [.. state.Sent, new(command, now)]);
    }

    /// <summary>Answers a command that agents would refuse, without sending it.</summary>
    public static SessionStep Refuse(SessionState state, ModuleCommand command, CommandProblem problem, DateTimeOffset now)
    {
        // An agent that answers Fenced means an older controller, and no failure. Here it is a failure.
        var (outcome, code) = problem.Reason is FailureReason.Fenced
            ? (CommandOutcome.Failed, "FENCED") : (CommandOutcome.Refused, InvalidCommand);
        var answer = new CommandAnswer(command.Id, outcome, problem.Reason, code, problem.Message, command.BaseLife, now);
        return new(state with { View = WithAnswer(state.View!, answer) }, IsChanged: true, Answer: answer, Command: command);
    }

    /// <summary>Why the stream has to be closed although it violates nothing; null: it has not.</summary>
    public static string? Overdue(SessionState state, DateTimeOffset now, TimeSpan silence)
    {
        if (state.View is { } view && now - view.LastMessageAt > silence)
            return $"no message for {silence.TotalSeconds:0} s";
        var late = state.Sent.FirstOrDefault(sent => now - sent.At > sent.Command.Deadline + AnswerGrace && !IsRunning(state, sent));
        return late is null ? null : $"command {late.Command.Id} is past its deadline, and neither answered nor running";
    }

    private static SessionStep Greet(SessionState state, Hello hello) =>
        new(state with
        {
            Phase = SessionPhase.AwaitingSnapshot,
            Hello = new(new(hello.PodNamespace, hello.PodName), hello.PodUid, hello.AgentVersion, hello.HighestEpoch)
            {
                CanFetch = hello.Capabilities.Contains(Capabilities.Fetch),
                EnforcesPolicy = hello.Capabilities.Contains(Capabilities.ArtifactPolicy),
                MaxUrlLength = hello.Capabilities.Contains(Capabilities.LongUrls) ? Limits.Url : Limits.UrlOfFirstVersion,
                ArkletPort = hello.ArkletPort == 0 ? null : (int)hello.ArkletPort,
            },
        });

    private static SessionStep Renew(SessionState state, Credential credential, DateTimeOffset now) =>
        new(state.View is { } view ? state with { View = view with { LastMessageAt = now } } : state, Token: credential.Token);

    private static SessionStep Observe(SessionState state, Snapshot snapshot, DateTimeOffset now)
    {
        if (state.View is not null && snapshot.Sequence <= state.Sequence)
            return new(state, $"snapshot {snapshot.Sequence} after snapshot {state.Sequence}");

        var before = state.View;
        var observed = Mapping.ToView(snapshot, now);
        // Arklet answers again after a silence: a JVM that was paused may execute what it still holds from now on.
        var answersAgain = before is not null && before.State != BaseState.Up && observed.State == BaseState.Up;
        var view = (observed with
        {
            // Equal lists are shared, so that snapshots of an idle agent use no more memory.
            Biz = before is not null && before.Biz.SequenceEqual(observed.Biz) ? before.Biz : observed.Biz,
            // The time of an answer is that of the first snapshot that reports it: computed again, it would differ a little.
            Attempts = before is not null && AreSame(before.Attempts, observed.Attempts) ? before.Attempts : observed.Attempts,
            Answers = before is null ? observed.Answers : OfLife(before.Answers, observed.Life),
            Staged = before is not null && before.Staged.SequenceEqual(observed.Staged) ? before.Staged : observed.Staged,
            SentBeside = before?.SentBeside ?? [],
            CanFetch = state.Hello?.CanFetch == true,
            EnforcesPolicy = state.Hello?.EnforcesPolicy == true,
            ArkletPort = state.Hello?.ArkletPort,
            AnsweringSince = answersAgain ? now : before?.AnsweringSince,
        }).After(before, now);
        // A command for a base life that has ended cannot run any more, even if the agent does not report it.
        var next = WithSent(
            state with { Phase = SessionPhase.Open, Sequence = snapshot.Sequence, View = view },
            state.Sent.Count == 0 ? state.Sent : [.. state.Sent.Where(sent => IsForLife(sent.Command.BaseLife, view.Life))]);
        return new(next, IsChanged: before is null || Differs(before, next.View!));
    }

    private static SessionStep Observe(SessionState state, Heartbeat heartbeat, DateTimeOffset now)
    {
        var view = state.View!;
        var reported = Mapping.ToState(heartbeat.BaseState);
        // A heartbeat has no biz: it can end the state Up, but only a snapshot can begin it.
        var next = (view with
        {
            LastMessageAt = now,
            State = reported == BaseState.Up ? view.State : reported,
            Jvm = heartbeat.Jvm is null ? view.Jvm : Mapping.ToJvm(heartbeat.Jvm),
        }).After(view, now);
        return new(
            state with { View = next }, IsChanged: next.State != view.State || next.IsOutOfMetaspace != view.IsOutOfMetaspace);
    }

    private static SessionStep Progress(SessionState state, CommandProgress progress, DateTimeOffset now)
    {
        var view = state.View! with { LastMessageAt = now };
        var isInHook = progress.Phase == CommandPhase.Hook;
        if (view.Running.FirstOrDefault(running => running.CommandId == progress.CommandId) is { } known)
        {
            if (known.IsInHook == isInHook) return new(state with { View = view });
            view = view with
            {
                Running = [.. view.Running.Select(running => running == known ? known with { IsInHook = isInHook } : running)]
            };
            return new(state with { View = view }, IsChanged: true);
        }

        var sent = state.Sent.FirstOrDefault(sent => sent.Command.Id == progress.CommandId);
        if (sent is null) return new(state with { View = view });
        var running = new RunningCommand(sent.Command.Id, sent.Command.Name, sent.Command.Version, TimeSpan.Zero) { IsInHook = isInHook };
        return new(WithSent(state with { View = view with { Running = [.. view.Running, running] } }, state.Sent), IsChanged: true);
    }

    private static SessionStep Answer(SessionState state, CommandResult result, DateTimeOffset now)
    {
        var answer = Mapping.ToAnswer(result, now);
        var next = WithAnswer(state.View!, answer) with
        {
            LastMessageAt = now,
            Running = [.. state.View!.Running.Where(running => running.CommandId != answer.CommandId)],
        };
        var command = state.Sent.FirstOrDefault(sent => sent.Command.Id == answer.CommandId)?.Command;
        return new(
            WithSent(state with { View = next }, [.. state.Sent.Where(sent => sent.Command != command)]),
            IsChanged: true, Answer: answer, Command: command);
    }

    private static BaseView WithAnswer(BaseView view, CommandAnswer answer)
    {
        var answers = new Dictionary<string, CommandAnswer>(view.Answers) { [answer.CommandId] = answer };
        if (answers.Count > KeptAnswers) answers.Remove(answers.Values.MinBy(kept => kept.ReceivedAt)!.CommandId);
        return view with { Answers = answers.AsReadOnly() };
    }

    private static SessionState WithSent(SessionState state, IReadOnlyList<SentCommand> sent)
    {
        var next = state with { Sent = sent };
        var view = next.View!;
        var waiting = sent.FirstOrDefault(item => !item.Command.IsBeside && !IsRunning(next, item))?.Command.Id;
        var beside = sent.Where(item => item.Command.IsBeside && !IsRunning(next, item)).Select(item => item.Command.Id).ToList();
        return view.Sent == waiting && view.SentBeside.SequenceEqual(beside)
            ? next
            : next with { View = view with { Sent = waiting, SentBeside = beside } };
    }

    private static bool IsRunning(SessionState state, SentCommand sent) =>
        state.View!.Running.Any(running => running.CommandId == sent.Command.Id);

    // During a hook, commands for other modules may run.
    private static bool HoldsTheBase(RunningCommand running, ModuleCommand next) =>
        (!running.IsInHook || running.ModuleName == next.Name)
        && CommandId.Parse(running.CommandId) is not { IsBeside: true };

    private static bool IsForLife(string commandsLife, BaseLife? life) =>
        commandsLife.Length == 0 || life is null || commandsLife == life.Id;

    private static ReadOnlyDictionary<string, CommandAnswer> OfLife(
        IReadOnlyDictionary<string, CommandAnswer> answers, BaseLife? life)
    {
        var kept = answers.Where(answer => CommandId.Parse(answer.Key) is not { } id || IsForLife(id.BaseLife, life));
        return answers.Count == 0 ? ReadOnlyDictionary<string, CommandAnswer>.Empty : kept.ToDictionary().AsReadOnly();
    }

    private static bool AreSame(IReadOnlyList<CommandAttempt> before, IReadOnlyList<CommandAttempt> after) =>
        before.Select(attempt => (attempt.CommandId, attempt.Outcome))
            .SequenceEqual(after.Select(attempt => (attempt.CommandId, attempt.Outcome)));

    // A change of times alone triggers no reconcile, nor one of Metaspace that neither fills it nor leaves some again.
    private static bool Differs(BaseView before, BaseView after) =>
        before.State != after.State || before.Life != after.Life || before.IsBizKnown != after.IsBizKnown
        || before.IsOutOfMetaspace != after.IsOutOfMetaspace || before.Sent != after.Sent
        || !ReferenceEquals(before.Biz, after.Biz) || !ReferenceEquals(before.Staged, after.Staged)
        || !before.Running.Select(running => (running.CommandId, running.IsInHook))
            .SequenceEqual(after.Running.Select(running => (running.CommandId, running.IsInHook)));

    private static string Name(ConnectRequest.MessageOneofCase message) => message.ToString().ToLowerInvariant();
}
