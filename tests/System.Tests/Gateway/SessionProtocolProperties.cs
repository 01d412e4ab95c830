using CsCheck;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using ModuleController.ControlPlane.Agents;
using ModuleController.Protocol;
using ModuleController.Protocol.V1;
using static ModuleController.SystemTests.Gateway.Messages;
using Duration = Google.Protobuf.WellKnownTypes.Duration;

namespace ModuleController.SystemTests.Gateway;

/// <summary>What must hold for every sequence of messages, also those that no agent of ours would send.</summary>
public sealed class SessionProtocolProperties
{
    private static readonly Gen<string> Id = Gen.Int[1, 3].Select(n => $"m-{n}/install/b-{n % 2 + 1}/1");

    // Mostly within the limits, sometimes far above them, sometimes nothing.
    private static readonly Gen<string> Text = Gen.Frequency(
        (6, Gen.String[Gen.Char.AlphaNumeric, 1, 40]), (2, Gen.String[0, 300]), (1, Gen.Const("")),
        (1, Gen.Int[1, 3000].Select(n => new string('ä', n))));

    private static readonly Gen<Timestamp?> Time = Gen.Frequency<Timestamp?>(
        (5, Gen.Long[0, 4_000_000_000].Select(seconds => (Timestamp?)new Timestamp { Seconds = seconds })),
        (1, Gen.Const((Timestamp?)null)),
        (1, Gen.Select(Gen.Long, Gen.Int).Select((seconds, nanos) => (Timestamp?)new Timestamp { Seconds = seconds, Nanos = nanos })));

    private static readonly Gen<Duration?> Span = Gen.Frequency<Duration?>(
        (5, Gen.Long[0, 1000].Select(seconds => (Duration?)new Duration { Seconds = seconds })),
        (1, Gen.Const((Duration?)null)),
        (1, Gen.Select(Gen.Long, Gen.Int).Select((seconds, nanos) => (Duration?)new Duration { Seconds = seconds, Nanos = nanos })));

    private static readonly Gen<Biz> AnyBiz = Gen.Select(Text, Text, Gen.Int[-1, 7], Text, Time, Span)
        .Select((name, uid, state, path, at, took) =>
        new Biz
        {
            Name = name,
            Version = "1",
            State = (Protocol.V1.BizState)state,
            ModuleUid = uid,
            WebContextPath = path,
            InstalledAt = at,
            InstallDuration = took
        });

    private static readonly Gen<ConnectRequest> Anything = Gen.OneOf(
        Gen.Const(new ConnectRequest()),
        Gen.Select(Text, Text, Text, Gen.ULong).Select((ns, pod, uid, epoch) => Hello(pod, uid, epoch, ns)),
        Gen.Select(Gen.ULong, Gen.Int[-1, 5], Text, Time, AnyBiz.List[0, 5], Id.List[0, 3])
            .Select((sequence, state, life, at, biz, running) =>
        {
            var message = Snapshot(sequence, (Protocol.V1.BaseState)state, life, biz, running);
            message.Snapshot.BaseLife.StartedAt = at;
            return message;
        }),
        Text.Select(text => Credential(text)),
        Gen.Int[-1, 5].Select(state => Heartbeat((Protocol.V1.BaseState)state)),
        Gen.Select(Gen.OneOf(Id, Text), Gen.Int[-1, 9]).Select((id, phase) => Progress(id, (CommandPhase)phase)),
        Gen.Select(Gen.OneOf(Id, Text), Gen.Int[-1, 5], Gen.Int[-1, 70], Text, Span).Select((id, outcome, reason, text, took) =>
        {
            var message = Result(id, (Outcome)outcome, (Reason)reason);
            (message.Result.Message, message.Result.Duration) = (text, took);
            return message;
        }));

    // What a good agent does, with commands in between: most sequences get far with these.
    private static readonly Gen<ConnectRequest> Good = Gen.OneOf(
        Gen.Select(Gen.Int[1, 2], Gen.Int[1, 3], Id.List[0, 2])
            .Select((life, state, running) => Snapshot(0, (Protocol.V1.BaseState)state, $"b-{life}", running: running)),
        Gen.Const(Heartbeat()),
        Id.Select(Progress),
        Id.Select(id => Progress(id, CommandPhase.Hook)),
        Id.Select(id => Result(id)));

    [Fact]
    public void No_sequence_of_messages_throws_and_after_a_violation_nothing_has_changed() =>
        Gen.OneOf(Anything, Good).List[0, 20].Sample(messages =>
        {
            var state = SessionProtocol.Handle(SessionState.New, Hello(), Start).State;
            var now = Start;
            foreach (var message in messages)
            {
                now += TimeSpan.FromSeconds(1);
                // As it comes from the wire, where what a field cannot hold is gone already.
                var received = ConnectRequest.Parser.ParseFrom(message.ToByteArray());
                if (received.Snapshot is { Sequence: 0 } snapshot) snapshot.Sequence = state.Sequence + 1;
                var step = SessionProtocol.Handle(state, received, now);
                if (step.Violation is not null && !ReferenceEquals(step.State, state)) return false;
                state = step.State;
                if (!IsSound(state, now)) return false;
            }

            return true;
        }, iter: 3000);

    [Fact]
    public void Whatever_was_said_at_most_one_command_has_the_base_and_its_answer_frees_the_way() =>
        Gen.Select(Good, Gen.Int[0, 3]).List[1, 40].Sample(steps =>
        {
            var now = Start;
            var state = SessionProtocol.Handle(SessionProtocol.Handle(SessionState.New, Hello(), now).State, Snapshot(1), now).State;
            var aside = new HashSet<string>();
            foreach (var (message, uid) in steps)
            {
                now += TimeSpan.FromSeconds(1);
                if (message.Snapshot is { } snapshot) snapshot.Sequence = state.Sequence + 1;
                state = SessionProtocol.Handle(state, message, now).State;
                var command = Install($"m-{uid}", life: state.View!.Life!.Id);
                if (SessionProtocol.Send(state, command, now) is { } sent)
                {
                    if (state.View.Sent is not null
                        || state.View.Running.Any(running => !running.IsInHook || running.ModuleName == command.Name)) return false;
                    state = sent;
                }

                // What comes back from its hook waits in the agent for its turn, beside the one that was sent meanwhile.
                aside.UnionWith(state.View!.Running.Where(running => running.IsInHook).Select(running => running.CommandId));
                if (state.Sent.Count(item => !aside.Contains(item.Command.Id)) > 1 || !IsSound(state, now)) return false;
                // However it stands: answering all that is known to be under way lets the next one go.
                var idle = state.View!.Running.Select(running => running.CommandId).Concat(state.Sent.Select(item => item.Command.Id))
                    .ToArray()
                    .Aggregate(state, (current, id) => SessionProtocol.Handle(current, Result(id), now).State);
                if (SessionProtocol.Send(idle, Install("m-new", life: "b-9"), now) is null) return false;
            }

            return true;
        }, iter: 3000);

    [Fact]
    public void A_text_above_its_limit_is_named_and_one_at_its_limit_passes()
    {
        (string Field, int Limit, Func<string, ConnectRequest> With)[] fields =
        [
            ("hello.pod_namespace", Limits.Namespace, text => Hello(ns: text)),
            ("hello.pod_name", Limits.PodName, text => Hello(pod: text)),
            ("hello.pod_uid", Limits.Uid, text => Hello(uid: text)),
            ("hello.agent_version", Limits.AgentVersion, text => Changed(Hello(), message => message.Hello.AgentVersion = text)),
            ("hello.protocol_versions", Limits.ProtocolVersion,
                text => Changed(Hello(), message => message.Hello.ProtocolVersions.Add(text))),
            ("snapshot.base_life.id", Limits.BaseLifeId, text => Snapshot(1, life: text)),
            ("biz.name", Limits.BizName, text => Snapshot(1, biz: [Biz(text)])),
            ("biz.version", Limits.BizName, text => Snapshot(1, biz: [Changed(Biz("a"), biz => biz.Version = text)])),
            ("biz.web_context_path", Limits.WebContextPath,
                text => Snapshot(1, biz: [Changed(Biz("a"), biz => biz.WebContextPath = text)])),
            ("biz.module_uid", Limits.Uid, text => Snapshot(1, biz: [Biz("a", text)])),
            ("biz.artifact_sha256", Limits.Sha256, text => Snapshot(1, biz: [Changed(Biz("a"), biz => biz.ArtifactSha256 = text)])),
            ("running.command_id", Limits.CommandId, text => Snapshot(1, running: [text])),
            ("snapshot.interrupted", Limits.CommandId, text => Changed(Snapshot(1), message => message.Snapshot.Interrupted.Add(text))),
            ("progress.command_id", Limits.CommandId, Progress),
            ("result.command_id", Limits.CommandId, text => Result(text)),
            ("result.code", Limits.Code, text => Changed(Result("a"), message => message.Result.Code = text)),
            ("result.message", Limits.Message, text => Changed(Result("a"), message => message.Result.Message = text)),
            ("result.base_life_id", Limits.BaseLifeId, text => Changed(Result("a"), message => message.Result.BaseLifeId = text)),
            ("artifact.name", Limits.BizName, text => Changed(Result("a"), message => message.Result.Artifact = new() { Name = text })),
            ("artifact.sha256", Limits.Sha256, text => Changed(Result("a"), message => message.Result.Artifact = new() { Sha256 = text })),
        ];
        foreach (var (field, limit, with) in fields)
        {
            Assert.Null(MessageLimits.Check(with(new('a', limit))));
            Assert.Equal($"{field}: more than {limit} bytes", MessageLimits.Check(with(new('a', limit + 1))));
            // Bytes count, not characters.
            if (field != "snapshot.base_life.id") Assert.Null(MessageLimits.Check(with(new('ä', limit / 2))));
            Assert.Equal($"{field}: more than {limit} bytes", MessageLimits.Check(with(new('ä', (limit / 2) + 1))));
        }
    }

    [Fact]
    public void A_port_above_its_range_is_named()
    {
        Assert.Null(MessageLimits.Check(Changed(Hello(), message => message.Hello.ArkletPort = 65535)));
        Assert.Equal("hello.arklet_port: out of range", MessageLimits.Check(Changed(Hello(), message => message.Hello.ArkletPort = 65536)));
    }

    [Fact]
    public void A_list_above_its_limit_is_named_and_one_at_its_limit_passes()
    {
        Assert.Null(MessageLimits.Check(Snapshot(1, biz: Enumerable.Repeat(Biz("a"), Limits.Biz))));
        Assert.Contains("snapshot.biz", MessageLimits.Check(Snapshot(1, biz: Enumerable.Repeat(Biz("a"), Limits.Biz + 1))),
            StringComparison.Ordinal);
        Assert.Null(MessageLimits.Check(Snapshot(1, running: Enumerable.Repeat("a", Limits.RunningCommands))));
        Assert.Contains(
            "snapshot.running", MessageLimits.Check(Snapshot(1, running: Enumerable.Repeat("a", Limits.RunningCommands + 1))),
            StringComparison.Ordinal);
        Assert.Contains(
            "snapshot.interrupted",
            MessageLimits.Check(
                Changed(Snapshot(1), message => message.Snapshot.Interrupted.Add(Enumerable.Repeat("a", Limits.RunningCommands + 1)))),
            StringComparison.Ordinal);
        Assert.Contains(
            "hello.protocol_versions",
            MessageLimits.Check(
                Changed(Hello(), message => message.Hello.ProtocolVersions.Add(Enumerable.Repeat("v1", Limits.ProtocolVersions)))),
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_hello_that_speaks_another_version_is_refused_and_none_for_its_epoch()
    {
        Assert.Contains("supports v1", MessageLimits.Check(Changed(Hello(), message =>
        {
            message.Hello.ProtocolVersions.Clear();
            message.Hello.ProtocolVersions.Add("v2");
        })), StringComparison.Ordinal);
        Assert.Null(MessageLimits.Check(Hello(highestEpoch: ulong.MaxValue)));
    }

    private static bool IsSound(SessionState state, DateTimeOffset now) =>
        state.View is null
            ? state.Phase != SessionPhase.Open && state.Sent.Count == 0
            : state.Phase == SessionPhase.Open && state.View is { IsConnected: true } view && view.LastMessageAt <= now
                && view.Answers.Count <= SessionProtocol.KeptAnswers && view.Biz.Count <= Limits.Biz
                && (view.Sent is null || state.Sent.Any(sent => sent.Command.Id == view.Sent));

    private static T Changed<T>(T message, Action<T> change)
    {
        change(message);
        return message;
    }
}
