using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Grpc.Net.Client;
using ModuleController.Core.Meta;
using ModuleController.Protocol.V1;

namespace ModuleController.Dev.Load.Scenarios;

/// <summary>One pod as an agent names it, with its token.</summary>
internal sealed record AgentPod(ObjectKey Key, string Uid, string Token);

/// <summary>
/// The stream of an agent without a base: hello, one snapshot, heartbeats, and the agent's rules for connecting again. It executes no
/// command.
/// </summary>
/// <param name="host">The name in the controller's certificate.</param>
internal sealed class CheapAgent(AgentPod pod, IPEndPoint controller, string host, X509Certificate2Collection authorities, int biz)
{
    private static readonly Backoff Backoff = new(TimeSpan.FromMilliseconds(100), TimeSpan.FromSeconds(10), Jitter: 1);

    private readonly BaseLife _life = new()
    {
        Id = $"life-{pod.Key.Name}",
        StartedAt = Timestamp.FromDateTimeOffset(DateTimeOffset.UnixEpoch),
    };

    /// <summary>How many streams it has opened that were welcomed.</summary>
    public int Sessions { get; private set; }

    /// <summary>Why its last stream ended.</summary>
    public string? LastEnd { get; private set; }

    public async Task RunAsync(CancellationToken cancellation)
    {
        var failures = 0;
        while (!cancellation.IsCancellationRequested)
        {
            var (wasWelcomed, within) = await StreamAsync(cancellation);
            failures = wasWelcomed ? 1 : failures + 1;
            var random = Random.Shared.NextDouble();
            var delay = wasWelcomed && within is { } spread ? spread * random : Backoff.After(failures, random);
            await Task.Delay(delay, TimeProvider.System, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task<(bool WasWelcomed, TimeSpan? Within)> StreamAsync(CancellationToken cancellation)
    {
        var wasWelcomed = false;
        try
        {
            using var handler = Handler();
            using var channel = GrpcChannel.ForAddress($"https://{host}", new() { HttpHandler = handler });
            using var call = new AgentService.AgentServiceClient(channel).Connect(
                new Metadata { { "authorization", $"Bearer {pod.Token}" } }, cancellationToken: cancellation);
            await call.RequestStream.WriteAsync(new() { Hello = Hello() }, cancellation);
            if (!await call.ResponseStream.MoveNext(cancellation)) return (false, null);
            var welcome = call.ResponseStream.Current.Welcome;
            wasWelcomed = true;
            Sessions++;
            await call.RequestStream.WriteAsync(new() { Snapshot = Snapshot() }, cancellation);
            using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            var beating = BeatAsync(call.RequestStream, welcome.HeartbeatInterval.ToTimeSpan(), ended.Token);
            try
            {
                while (await call.ResponseStream.MoveNext(cancellation))
                {
                    // Commands are not expected: the base has no modules.
                }
            }
            finally
            {
                await ended.CancelAsync();
                await beating.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }

            return (true, null);
        }
        catch (RpcException exception)
        {
            LastEnd = exception.Status.Detail;
            var text = exception.Trailers.GetValue("reconnect-within-ms");
            var isSpread = int.TryParse(text, CultureInfo.InvariantCulture, out var within);
            return (wasWelcomed, isSpread ? TimeSpan.FromMilliseconds(within) : null);
        }
        catch (Exception exception) when (exception is IOException or HttpRequestException or InvalidOperationException
            or OperationCanceledException)
        {
            LastEnd = exception.Message;
            return (wasWelcomed, null);
        }
    }

    private static async Task BeatAsync(IClientStreamWriter<ConnectRequest> writer, TimeSpan interval, CancellationToken cancellation)
    {
        while (true)
        {
            await Task.Delay(interval, TimeProvider.System, cancellation);
            await writer.WriteAsync(new() { Heartbeat = new() { BaseState = BaseState.Up } }, cancellation);
        }
    }

    private SocketsHttpHandler Handler() => new()
    {
        UseProxy = false,
        ConnectTimeout = TimeSpan.FromSeconds(10),
        SslOptions = new SslClientAuthenticationOptions
        {
            CertificateChainPolicy = Trust(authorities),
        },
        ConnectCallback = async (_, cancellation) =>
        {
            var socket = new System.Net.Sockets.Socket(System.Net.Sockets.SocketType.Stream, System.Net.Sockets.ProtocolType.Tcp)
            {
                NoDelay = true,
            };
            try
            {
                await socket.ConnectAsync(controller, cancellation);
                return new System.Net.Sockets.NetworkStream(socket, ownsSocket: true);
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        },
    };

    private static X509ChainPolicy Trust(X509Certificate2Collection authorities)
    {
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
        };
        policy.CustomTrustStore.AddRange(authorities);
        return policy;
    }

    private Hello Hello() => new()
    {
        PodNamespace = pod.Key.Namespace,
        PodName = pod.Key.Name,
        PodUid = pod.Uid,
        AgentVersion = "load",
        ProtocolVersions = { "v1" },
        BaseLife = _life,
        ArkletPort = 1238,
    };

    private Snapshot Snapshot()
    {
        var snapshot = new Snapshot
        {
            Sequence = (ulong)Sessions,
            BaseState = BaseState.Up,
            BaseLife = _life,
            ObservedAt = Timestamp.FromDateTimeOffset(TimeProvider.System.GetUtcNow()),
            BizKnown = true,
        };
        for (var i = 0; i < biz; i++)
            snapshot.Biz.Add(new Biz { Name = $"biz-{i}", Version = "1.0.0", State = BizState.Activated, WebContextPath = $"biz-{i}" });
        return snapshot;
    }
}
