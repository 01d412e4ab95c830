using System.Globalization;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using ModuleController.ControlPlane.Agents.Identity;
using ModuleController.Core.Meta;
using ModuleController.Protocol.V1;

namespace ModuleController.ControlPlane.Agents;

/// <summary>The gRPC service: admits a stream, runs its session, and ends it with a status that has the reason.</summary>
public sealed partial class AgentService(
    AgentAuthenticator authenticator, AgentAdmission admission, AgentDirectory directory, LeaderGate gate, AgentOptions options,
    AgentMetrics metrics, TimeProvider time, ILogger<AgentService> logger) : Protocol.V1.AgentService.AgentServiceBase
{
    /// <summary>The trailer with the address that an agent has to try instead.</summary>
    public const string LeaderAddress = "leader-address";

    /// <summary>The trailer with the milliseconds within which an agent connects again, at a random moment.</summary>
    public const string ReconnectWithin = "reconnect-within-ms";

    public override async Task Connect(
        IAsyncStreamReader<ConnectRequest> requestStream, IServerStreamWriter<ConnectResponse> responseStream, ServerCallContext context)
    {
        directory.StreamBegun();
        // When the status has been written; the ports must not close before.
        context.GetHttpContext().Response.OnCompleted(() =>
        {
            directory.StreamEnded();
            return Task.CompletedTask;
        });
        var end = await ServeAsync(requestStream, responseStream, context);
        metrics.StreamEnded(end.StatusCode);
        if (end.StatusCode == StatusCode.OK) return;
        throw new RpcException(end, Trailers(end));
    }

    private async Task<Status> ServeAsync(
        IAsyncStreamReader<ConnectRequest> reader, IServerStreamWriter<ConnectResponse> writer, ServerCallContext context)
    {
        // Streams that are not in the directory yet end with the process too.
        using var call = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, directory.Closing);
        try
        {
            if (admission.RefusalWithoutHello() is { } early) return early;
            var epoch = gate.Epoch;
            var (identity, unauthenticated) = await authenticator.AuthenticateAsync(context.RequestHeaders.GetValue("authorization"),
                call.Token);
            if (unauthenticated is { } refusal) return Refuse(context.Peer, refusal);

            var (greeted, end) = await ReadHelloAsync(reader, call.Token);
            if (greeted is null) return Refuse(context.Peer, end);
            var admitted = await admission.AdmitAsync(greeted.Hello!, identity, epoch, call.Token);
            if (admitted.Refusal is { } refused) return Refuse(context.Peer, refused);
            var credential = new StreamCredential(identity, greeted.Hello!, authenticator, time);
            return await RunSessionAsync(greeted, credential, admitted.Epoch, reader, writer, context.CancellationToken);
        }
        catch (OperationCanceledException) when (call.IsCancellationRequested)
        {
            return directory.Closing.IsCancellationRequested
                ? new(StatusCode.Unavailable, "this controller stops")
                : new(StatusCode.Cancelled, "the connection was lost");
        }
    }

    /// <summary>The greeted state, or how the stream has to end.</summary>
    private async Task<(SessionState? Greeted, Status End)> ReadHelloAsync(
        IAsyncStreamReader<ConnectRequest> reader, CancellationToken cancellation)
    {
        using var timeout = new CancellationTokenSource(options.HelloTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation, timeout.Token);
        var (message, end) = await StreamReads.NextAsync(reader, either.Token);
        cancellation.ThrowIfCancellationRequested();
        if (message is null)
        {
            return timeout.IsCancellationRequested
                ? (null, new(StatusCode.InvalidArgument, $"no hello within {options.HelloTimeout.TotalSeconds:0} s"))
                : (null, end.StatusCode == StatusCode.OK ? new(StatusCode.InvalidArgument, "the stream ended before its hello") : end);
        }

        var step = SessionProtocol.Handle(SessionState.New, message, time.GetUtcNow());
        return step.Violation is { } violation ? (null, new(StatusCode.InvalidArgument, violation)) : (step.State, Status.DefaultSuccess);
    }

    private async Task<Status> RunSessionAsync(
        SessionState greeted, StreamCredential credential, ulong epoch, IAsyncStreamReader<ConnectRequest> reader,
        IServerStreamWriter<ConnectResponse> writer, CancellationToken callEnded)
    {
        var now = time.GetUtcNow();
        var endsAt = now + (options.MaxStreamAge * (0.8 + (0.2 * Random.Shared.NextDouble())));
        using var session = new AgentSession(greeted, credential, now, endsAt, directory.Observe);
        session.Welcome(new()
        {
            Epoch = epoch,
            HeartbeatInterval = Duration.FromTimeSpan(options.HeartbeatInterval),
            SnapshotInterval = Duration.FromTimeSpan(options.SnapshotInterval),
            AcceptsCredentials = true,
        });
        directory.Register(session);
        LogConnected(session.Hello.Pod, session.Hello.AgentVersion, epoch);
        try
        {
            var end = await session.RunAsync(reader, writer, time, callEnded);
            LogEnded(session.Hello.Pod, end.StatusCode, end.Detail);
            return end;
        }
        finally
        {
            directory.Unregister(session);
        }
    }

    private Status Refuse(string peer, Status status)
    {
        LogRefused(peer, status.StatusCode, status.Detail);
        return status;
    }

    private Metadata Trailers(Status end)
    {
        var trailers = new Metadata();
        if (!gate.IsOpen && gate.LeaderAddress is { } leader) trailers.Add(LeaderAddress, leader);
        if (end.StatusCode == StatusCode.Unavailable && directory.ReconnectWithin is { } within)
            trailers.Add(ReconnectWithin, ((int)within.TotalMilliseconds).ToString(CultureInfo.InvariantCulture));
        return trailers;
    }

    [LoggerMessage(LogLevel.Information, "The agent of {Pod} is connected, version {Version}, epoch {Epoch}")]
    private partial void LogConnected(ObjectKey pod, string version, ulong epoch);

    [LoggerMessage(LogLevel.Information, "The stream of {Pod} ended with {Code}: {Why}")]
    private partial void LogEnded(ObjectKey pod, StatusCode code, string why);

    [LoggerMessage(LogLevel.Warning, "An agent's stream from {Peer} was refused with {Code}: {Why}")]
    private partial void LogRefused(string peer, StatusCode code, string why);
}
