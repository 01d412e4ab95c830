using System.Threading.Channels;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using ModuleController.Protocol.V1;

namespace ModuleController.Agent.Tests.EndToEnd;

/// <summary>A controller that does only what a test says: a real gRPC server on a port of its own.</summary>
public sealed class ScriptedGateway : IAsyncDisposable
{
    private readonly Channel<GatewaySession> _sessions = Channel.CreateUnbounded<GatewaySession>();
    private readonly WebApplication _app;

    private ScriptedGateway(int port)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
            kestrel.Listen(System.Net.IPAddress.Loopback, port, listen => listen.Protocols = HttpProtocols.Http2));
        builder.Services.AddGrpc();
        builder.Services.AddSingleton(this);
        builder.Services.AddSingleton<Service>();
        _app = builder.Build();
        _app.MapGrpcService<Service>();
    }

    public Uri Address { get; private set; } = new("http://none");

    public ulong Epoch { get; set; } = 1;

    public TimeSpan HeartbeatInterval { get; set; } = TimeSpan.FromSeconds(1);

    public TimeSpan SnapshotInterval { get; set; } = TimeSpan.FromSeconds(5);

    public bool AcceptsCredentials { get; set; }

    /// <summary>Answers every stream with this status instead of a welcome.</summary>
    public (Status Status, Metadata Trailers)? Refusal { get; set; }

    public static async Task<ScriptedGateway> StartAsync(CancellationToken cancellation, int port = 0)
    {
        var gateway = new ScriptedGateway(port);
        await gateway._app.StartAsync(cancellation);
        var addresses = gateway._app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!;
        gateway.Address = new Uri(addresses.Addresses.First());
        return gateway;
    }

    /// <summary>The next stream that an agent opens, after its hello and first snapshot.</summary>
    public async Task<GatewaySession> AcceptAsync(CancellationToken cancellation)
    {
        using var late = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        late.CancelAfter(TimeSpan.FromSeconds(90));
        var session = await _sessions.Reader.ReadAsync(late.Token);
        await session.UntilAsync(s => s.Snapshot, "the first snapshot");
        return session;
    }

    public async ValueTask DisposeAsync()
    {
        using var now = new CancellationTokenSource(TimeSpan.FromSeconds(1));
        await _app.StopAsync(now.Token);
        await _app.DisposeAsync();
    }

    public sealed class Service(ScriptedGateway gateway) : AgentService.AgentServiceBase
    {
        public override async Task Connect(
            IAsyncStreamReader<ConnectRequest> requestStream, IServerStreamWriter<ConnectResponse> responseStream,
            ServerCallContext context)
        {
            if (gateway.Refusal is { } refusal) throw new RpcException(refusal.Status, refusal.Trailers);
            await requestStream.MoveNext(context.CancellationToken);
            var session = new GatewaySession(requestStream.Current.Hello, context.RequestHeaders, responseStream);
            await responseStream.WriteAsync(new ConnectResponse
            {
                Welcome = new()
                {
                    Epoch = gateway.Epoch,
                    HeartbeatInterval = Duration.FromTimeSpan(gateway.HeartbeatInterval),
                    SnapshotInterval = Duration.FromTimeSpan(gateway.SnapshotInterval),
                    AcceptsCredentials = gateway.AcceptsCredentials,
                },
            });
            gateway._sessions.Writer.TryWrite(session);
            try
            {
                using var either = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, session.Closing);
                while (await requestStream.MoveNext(either.Token)) session.Add(requestStream.Current);
            }
            catch (Exception e) when (e is IOException or OperationCanceledException)
            {
                // The agent died, or the test closed the stream.
            }
            finally
            {
                session.End();
            }

            if (session.Ending is { } ending) throw new RpcException(ending.Status, ending.Trailers);
        }
    }
}

/// <summary>One stream as the gateway sees it: what came, in order, and a way to wait for what should come.</summary>
#pragma warning disable CA1001 // the source has no timer and no handle, and streams end with the test
public sealed class GatewaySession(Hello hello, Metadata headers, IServerStreamWriter<ConnectResponse> stream)
#pragma warning restore CA1001
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(90);
    private readonly CancellationTokenSource _closing = new();
    private readonly List<ConnectRequest> _messages = [];
    private TaskCompletionSource _more = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Hello Hello => hello;

    public Metadata Headers => headers;

    public bool HasEnded { get; private set; }

    public CancellationToken Closing => _closing.Token;

    public IReadOnlyList<ConnectRequest> Messages
    {
        get { lock (_messages) return [.. _messages]; }
    }

    public Snapshot? Snapshot => Messages.LastOrDefault(message => message.Snapshot is not null)?.Snapshot;

    public string Life => Snapshot?.BaseLife?.Id ?? "";

    public Task SendAsync(Command command) => stream.WriteAsync(new ConnectResponse { Command = command });

    /// <summary>What <see cref="Close"/> ends the stream with; null: a normal end.</summary>
    public (Status Status, Metadata Trailers)? Ending { get; set; }

    public void Close() => _closing.Cancel();

    /// <summary>Sends and waits for the answer.</summary>
    public async Task<CommandResult> RunAsync(Command command)
    {
        var seen = Messages.Count;
        await SendAsync(command);
        return await UntilAsync(
            s => s.Messages.Skip(seen).Select(message => message.Result).FirstOrDefault(result => result?.CommandId == command.Id),
            $"the result of {command.Id}");
    }

    public Biz? Biz(string name, string version) =>
        Snapshot?.Biz.FirstOrDefault(biz => biz.Name == name && biz.Version == version);

    /// <summary>Until something is there; at the deadline it fails with what it waited for and what came.</summary>
    public async Task<T> UntilAsync<T>(Func<GatewaySession, T?> find, string what)
        where T : class
    {
        var cancellation = TestContext.Current.CancellationToken;
        using var late = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        late.CancelAfter(Timeout);
        while (true)
        {
            Task more;
            lock (_messages) more = _more.Task;
            if (find(this) is { } found) return found;
            Assert.False(HasEnded, $"the stream ended while the test waited for {what}");
            try
            {
                await more.WaitAsync(late.Token);
            }
            catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
            {
                Assert.Fail($"not within {Timeout}: {what}\n{string.Join('\n', Messages.TakeLast(20))}");
            }
        }
    }

    public Task UntilAsync(Func<GatewaySession, bool> condition, string what) =>
        UntilAsync(s => condition(s) ? s : null, what);

    internal void Add(ConnectRequest message)
    {
        lock (_messages) _messages.Add(message);
        Signal();
    }

    internal void End()
    {
        HasEnded = true;
        Signal();
    }

    private void Signal()
    {
        TaskCompletionSource more;
        lock (_messages) (more, _more) = (_more, new(TaskCreationOptions.RunContinuationsAsynchronously));
        more.SetResult();
    }
}
