using System.Globalization;
using System.Net;
using Grpc.Core;
using Microsoft.Extensions.Logging;
using ModuleController.Agent.Commands;
using ModuleController.Agent.Journal;
using ModuleController.Agent.Observing;
using ModuleController.Core.Meta;
using ModuleController.Protocol;
using ModuleController.Protocol.V1;

namespace ModuleController.Agent.Link;

/// <summary>
/// Keeps one stream to the controller: connects, sends a hello, and reconnects with jittered backoff when the stream ends. A replica that
/// does not lead names the leader, to which the agent connects next.
/// </summary>
public sealed class ControllerLink(
    LinkOptions options, CommandRunner runner, BaseObserver observer, CommandJournal journal, TimeProvider time, ILogger log)
{
    private const string LeaderTrailer = "leader-address";
    private const string ReconnectTrailer = "reconnect-within-ms";
    private readonly AuthorityFile? _authorities =
        options.CaFile is { } file && options.Controller.Scheme == Uri.UriSchemeHttps ? new(file, time, log) : null;

    private readonly TokenFile? _token = options.TokenFile is { } path ? new(path, time) : null;

    // Thousands of agents must not reconnect at the same time. Example from 0.2 s: 0.1–0.2, 0.2–0.4, 0.4–0.8 … 5–10 s.
    private readonly Backoff _backoff = new(options.FirstDelay / 2, options.MaxDelay, Jitter: 1);
    private ulong _sequence;
    private volatile bool _isConnected;

    /// <summary>A stream is open on which the controller sent its Welcome.</summary>
    public bool IsConnected => _isConnected;

    public async Task RunAsync(CancellationToken cancellation)
    {
        DnsEndPoint? leader = null;
        var failures = 0;
        while (!cancellation.IsCancellationRequested)
        {
            var end = await RunStreamAsync(leader, cancellation);
            _isConnected = false;
            if (cancellation.IsCancellationRequested) return;
            failures = end.WasWelcomed ? 1 : failures + 1;
            // Where the named leader can't be reached, the configured address is next.
            leader = end.Leader;
            var random = Random.Shared.NextDouble();
            var delay = end is { WasWelcomed: true, Within: { } within } ? within * random : _backoff.After(failures, random);
            log.StreamEnded(options.Controller, end.Problem, delay);
            await Task.Delay(delay, time, cancellation);
        }
    }

    private async Task<StreamEnd> RunStreamAsync(DnsEndPoint? leader, CancellationToken cancellation)
    {
        using var session = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var welcomed = false;
        try
        {
            // Read for each connection: certificates and leaders change.
            var authorities = _authorities is null ? null : await _authorities.ReadAsync(cancellation);
            using var connection = new ControllerConnection(options, authorities, leader);
            var token = _token is null ? null : await _token.ReadAsync(cancellation);
            using var call = new AgentService.AgentServiceClient(connection.Channel)
                .Connect(Headers(token), cancellationToken: session.Token);
            await call.RequestStream.WriteAsync(new ConnectRequest { Hello = Hello() }, session.Token);
            var welcome = await WelcomeAsync(call, session);
            _isConnected = welcomed = true;
            log.Connected(options.Controller, welcome.Epoch);

            using var outbox = new Outbox(
                call.RequestStream, welcome,
                () => Snapshots.Build(observer.View, journal.State, runner.Running, ++_sequence, time.GetUtcNow()),
                () => Snapshots.Heartbeat(observer.View), time);
            runner.Finished += outbox.Add;
            runner.Progressed += outbox.Add;
            runner.Changed += outbox.RequestSnapshot;
            observer.Changed += outbox.RequestSnapshot;
            try
            {
                var writing = outbox.RunAsync(session.Token);
                var reading = ReadAsync(call, session.Token);
                var renewing = _token is not null && welcome.AcceptsCredentials
                    ? _token.FollowAsync(token!, outbox.Add, session.Token) : Task.CompletedTask;
                var first = await Task.WhenAny(writing, reading);
                await session.CancelAsync();
                await Task.WhenAll(QuietlyAsync(writing), QuietlyAsync(reading), QuietlyAsync(renewing));
                await first;
                return new("closed by the controller", null, welcomed);
            }
            finally
            {
                runner.Finished -= outbox.Add;
                runner.Progressed -= outbox.Add;
                runner.Changed -= outbox.RequestSnapshot;
                observer.Changed -= outbox.RequestSnapshot;
            }
        }
        catch (ProtocolException e)
        {
            log.ProtocolViolated(options.Controller, e.Message);
            return new(e.Message, null, false);
        }
        catch (RpcException e)
        {
            // Without an answer, the detail contains the messages of the exceptions.
            var problem = e.Status.DebugException is { } cause ? ExceptionText.Of(cause) : e.Status.Detail;
            return new($"{e.StatusCode} {problem}", LeaderOf(e), welcomed, WithinOf(e));
        }
        // A connection that breaks during a write throws these. The file of the token may be missing for a while.
        catch (Exception e) when (e is IOException or HttpRequestException or InvalidOperationException or UnauthorizedAccessException
            or System.Security.Cryptography.CryptographicException or OperationCanceledException)
        {
            return new($"{e.GetType().Name}: {ExceptionText.Of(e)}", null, welcomed);
        }
    }

    private async Task<Welcome> WelcomeAsync(
        AsyncDuplexStreamingCall<ConnectRequest, ConnectResponse> call, CancellationTokenSource session)
    {
        using var late = new CancellationTokenSource(options.WelcomeTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(session.Token, late.Token);
        if (!await call.ResponseStream.MoveNext(either.Token)) throw new IOException("closed before the Welcome");
        return call.ResponseStream.Current.Welcome ?? throw new ProtocolException("the first message must be a Welcome");
    }

    private async Task ReadAsync(AsyncDuplexStreamingCall<ConnectRequest, ConnectResponse> call, CancellationToken cancellation)
    {
        while (await call.ResponseStream.MoveNext(cancellation))
        {
            var command = call.ResponseStream.Current.Command ?? throw new ProtocolException("the message must be a command");
            if (CommandLimits.FindProblem(command) is { } problem)
                throw new ProtocolException($"command \"{CommandLimits.Cut(command.Id, 80)}\": {problem}");
            runner.Submit(command);
        }
    }

    private static Metadata Headers(string? token) => token is null ? [] : new Metadata { { "authorization", $"Bearer {token}" } };

    private Hello Hello()
    {
        var hello = new Hello
        {
            PodNamespace = options.PodNamespace,
            PodName = options.PodName,
            PodUid = options.PodUid,
            AgentVersion = options.AgentVersion,
            HighestEpoch = journal.State.HighestEpoch,
            BaseLife = Snapshots.Life(observer.View),
            ArkletPort = (uint)options.ArkletPort,
        };
        hello.ProtocolVersions.Add("v1");
        hello.Capabilities.Add([Capabilities.Fetch, Capabilities.LongUrls, Capabilities.ArtifactPolicy]);
        return hello;
    }

    /// <summary>The address without its scheme: the configured scheme stays, so a replica can't turn TLS off.</summary>
    private static DnsEndPoint? LeaderOf(RpcException e)
    {
        var text = e.Trailers.GetValue(LeaderTrailer);
        if (e.StatusCode is not StatusCode.Unavailable || string.IsNullOrEmpty(text)) return null;
        return Uri.TryCreate(text.Contains("://", StringComparison.Ordinal) ? text : "tcp://" + text, UriKind.Absolute, out var url)
            && url is { Port: > 0, Host.Length: > 0 }
            ? new DnsEndPoint(url.IdnHost, url.Port)
            : null;
    }

    /// <summary>The time over which a controller that stops spreads its agents; null: it named none that is acceptable.</summary>
    private TimeSpan? WithinOf(RpcException e) =>
        int.TryParse(e.Trailers.GetValue(ReconnectTrailer), NumberStyles.None, CultureInfo.InvariantCulture, out var milliseconds)
        && TimeSpan.FromMilliseconds(milliseconds) is var within && within <= options.MaxDelay
            ? within
            : null;

    /// <summary>Waits for the end of a task whose failure is reported elsewhere.</summary>
    private static async Task QuietlyAsync(Task task) => await task.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

    private sealed record StreamEnd(string Problem, DnsEndPoint? Leader, bool WasWelcomed, TimeSpan? Within = null);
}

/// <summary>The controller violated the protocol. The stream is closed, and the message has no effect.</summary>
public sealed class ProtocolException(string message) : Exception(message);
