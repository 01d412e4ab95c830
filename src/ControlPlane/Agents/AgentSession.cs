using System.Threading.Channels;
using Grpc.Core;
using ModuleController.ControlPlane.Agents.Identity;
using ModuleController.Core.Agents;
using ModuleController.Core.Commands;
using ModuleController.Protocol.V1;

namespace ModuleController.ControlPlane.Agents;

/// <summary>One stream: one loop that reads and one that writes, fed by a bounded channel.</summary>
/// <remarks>A session that is silent, whose channel is full or that breaks the protocol is closed; its pod is only marked.</remarks>
internal sealed class AgentSession(
    SessionState greeted, StreamCredential credential, DateTimeOffset now, DateTimeOffset? endsAt,
    Action<AgentSession, SessionStep> observe) : IDisposable
{
    // One command is in progress at a time, and inspections are rare: a full channel means that the agent does not read.
    public const int ChannelCapacity = 16;

    private readonly Channel<ConnectResponse> _outbox =
        Channel.CreateBounded<ConnectResponse>(new BoundedChannelOptions(ChannelCapacity) { SingleReader = true });
    private readonly CancellationTokenSource _ending = new();
    private readonly Lock _lock = new();
    private readonly DateTimeOffset _startedAt = now;
    private SessionState _state = greeted;
    private Status? _end;
    private Task _cancelling = Task.CompletedTask;

    public AgentHello Hello { get; } = greeted.Hello!;

    /// <summary>The view as of the last message; null until the full snapshot is received.</summary>
    public BaseView? View => Volatile.Read(ref _state).View;

    /// <summary>Reads and writes until the agent, the call or <see cref="Close"/> ends it. Returns the status of the stream.</summary>
    public async Task<Status> RunAsync(
        IAsyncStreamReader<ConnectRequest> reader, IAsyncStreamWriter<ConnectResponse> writer, TimeProvider time,
        CancellationToken callEnded)
    {
        await using var registration = callEnded.UnsafeRegister(
            static session => ((AgentSession)session!).Close(StatusCode.Cancelled, "the connection was lost"), this);
        var writing = WriteAsync(writer);
        var renewing = credential.RenewAsync(Close, _ending.Token);
        try
        {
            while (_end is null)
            {
                var (message, end) = await StreamReads.NextAsync(reader, _ending.Token);
                if (message is not null) Receive(message, time.GetUtcNow());
                else Close(end.StatusCode, end.Detail);
            }
        }
        finally
        {
            // Has an effect only after an unexpected exception: the session must not be used any more.
            Close(StatusCode.Internal, "internal error of the controller");
            await writing;
            await renewing;
            await _cancelling;
        }

        return _end.Value;
    }

    /// <summary>
    /// Never waits. False: the state does not allow the command, or the session has ended. A command that the agent would refuse is
    /// answered here.
    /// </summary>
    /// <param name="fenced">Why no command may be sent to this agent; null: it may.</param>
    public bool TrySend(ModuleCommand command, ulong epoch, DateTimeOffset now, CommandProblem? fenced = null)
    {
        var problem = fenced ?? CommandRules.FindProblem(command, Hello.MaxUrlLength, Hello.EnforcesPolicy);
        SessionStep step;
        lock (_lock)
        {
            if (_end is not null || SessionProtocol.Send(_state, command, now) is not { } next) return false;
            step = problem is null ? new(next, Command: command) : SessionProtocol.Refuse(_state, command, problem, now);
            if (problem is not null || _outbox.Writer.TryWrite(new() { Command = Mapping.ToCommand(command, epoch) }))
                Volatile.Write(ref _state, step.State);
            else step = step with { Violation = "the channel is full" };
        }

        if (step.Answer is not null) observe(this, step);
        if (step.Violation is null) return true;
        Close(StatusCode.ResourceExhausted, $"the agent doesn't read: {ChannelCapacity} commands wait for it");
        return false;
    }

    /// <summary>The first message; the channel is empty when it is sent.</summary>
    public void Welcome(Welcome welcome) => _outbox.Writer.TryWrite(new() { Welcome = welcome });

    /// <summary>Ends the stream with this status; the first call counts.</summary>
    public void Close(StatusCode code, string why)
    {
        lock (_lock)
        {
            if (_end is not null) return;
            _end = new(code, why);
            _outbox.Writer.TryComplete();
            // On the thread pool: code that waits for the token must not continue here, in a reconcile or in another session's loop.
            _cancelling = _ending.CancelAsync();
        }
    }

    /// <summary>Closes a session that is silent, has an overdue answer or an expired credential, or has reached its maximum age.</summary>
    public void CloseIfOverdue(DateTimeOffset now, TimeSpan silence)
    {
        var state = Volatile.Read(ref _state);
        var why = state.View is null && now - _startedAt > silence
            ? "no snapshot was received"
            : SessionProtocol.Overdue(state, now, silence);
        if (why is not null) Close(StatusCode.DeadlineExceeded, why);
        else if (credential.IsExpired(now)) Close(StatusCode.Unauthenticated, "the credential has expired: connect again with a new one");
        else if (now > endsAt) Close(StatusCode.Unavailable, "the stream has reached its maximum age: connect again");
    }

    public void Dispose() => _ending.Dispose();

    private void Receive(ConnectRequest message, DateTimeOffset now)
    {
        SessionStep step;
        lock (_lock)
        {
            if (_end is not null) return;
            step = SessionProtocol.Handle(_state, message, now);
            Volatile.Write(ref _state, step.State);
        }

        if (step.Violation is { } violation) Close(StatusCode.InvalidArgument, violation);
        else if (step.Token is { } token) credential.Offer(token);
        else observe(this, step);
    }

    private async Task WriteAsync(IAsyncStreamWriter<ConnectResponse> writer)
    {
        try
        {
            // A write that waits for the agent to read is cut by the token, which ends the call.
            await foreach (var message in _outbox.Reader.ReadAllAsync(_ending.Token)) await writer.WriteAsync(message, _ending.Token);
        }
        catch (Exception exception) when (StreamReads.ToStatus(exception) is { } status)
        {
            Close(status.StatusCode, status.Detail);
        }
    }
}
