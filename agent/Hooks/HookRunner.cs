using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.Extensions.Logging;
using ModuleController.Core.Commands;
using ModuleController.Core.Meta;
using ModuleController.Protocol.V1;
using Polly;
using Polly.Retry;

namespace ModuleController.Agent.Hooks;

/// <summary>The pod of this agent. Hooks are called only at its address.</summary>
public sealed record HookTarget(string Host, string PodNamespace, string PodName, string PodUid);

/// <summary>
/// Calls hooks: an HTTP POST to a port of the agent's own pod, with a timeout for each try. Redirects and proxies are not used, so a
/// request can't leave the pod.
/// </summary>
public sealed class HookRunner : IDisposable
{
    private const int MaxBodyBytes = 512;
    private static readonly TimeSpan FirstDelay = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan MaxDelay = TimeSpan.FromSeconds(10);

    private readonly HookTarget _target;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly HttpClient _http;

    public HookRunner(HookTarget target, TimeProvider time, ILogger log)
    {
        (_target, _time, _log) = (target, time, log);
        _http = new HttpClient(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseProxy = false,
            UseCookies = false,
            // Hooks are rare, and a restart of the JVM closes its connections.
            PooledConnectionIdleTimeout = TimeSpan.FromSeconds(5),
        })
        { Timeout = Timeout.InfiniteTimeSpan };
    }

    /// <summary>Null: the hook succeeded, or its failure is ignored. Otherwise the problem of the last try.</summary>
    public async Task<string?> CallAsync(string @event, HookCall hook, Command command, ModuleRef module, CancellationToken cancellation)
    {
        var tries = 0;
        var pipeline = new ResiliencePipelineBuilder<string?> { TimeProvider = _time };
        if (hook.Retries > 0)
            pipeline.AddRetry(new RetryStrategyOptions<string?>
            {
                MaxRetryAttempts = hook.Retries,
                Delay = FirstDelay,
                MaxDelay = MaxDelay,
                BackoffType = DelayBackoffType.Exponential,
                ShouldHandle = attempt => ValueTask.FromResult(attempt.Outcome is { Exception: null, Result: not null }),
            });
        var problem = await pipeline.Build().ExecuteAsync(
            async token => await TryAsync(@event, hook, command, module, ++tries, token), cancellation);
        if (problem is null || !hook.IgnoreFailure) return problem;
        _log.HookIgnored(command.Id, problem);
        return null;
    }

    public void Dispose() => _http.Dispose();

    private async Task<string?> TryAsync(
        string @event, HookCall hook, Command command, ModuleRef module, int number, CancellationToken cancellation)
    {
        // The path begins with a slash, so it can't change the host.
        var url = new Uri(string.Create(CultureInfo.InvariantCulture, $"http://{Host()}:{hook.Port}{hook.Path}"));
        using var deadline = new CancellationTokenSource(hook.Timeout, _time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellation, deadline.Token);
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, url) { Content = Body(@event, command, module, number) };
            using var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, both.Token);
            if (response.IsSuccessStatusCode) return null;
            var body = await ReadBodyAsync(response, both.Token);
            return $"{@event} hook {url} answered {(int)response.StatusCode} {response.ReasonPhrase}{body}";
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return string.Create(CultureInfo.InvariantCulture, $"{@event} hook {url} did not answer within {hook.Timeout.TotalSeconds} s");
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            return $"{@event} hook {url}: {e.GetType().Name}: {ExceptionText.Of(e)}";
        }
    }

    private string Host() =>
        IPAddress.TryParse(_target.Host, out var address) && address.AddressFamily is AddressFamily.InterNetworkV6
            ? $"[{_target.Host}]"
            : _target.Host;

    private ByteArrayContent Body(string @event, Command command, ModuleRef module, int number) =>
        // With Content-Length: not every server in a JVM reads chunks.
        new(JsonSerializer.SerializeToUtf8Bytes(
            new HookBody(
                @event, new HookModule(module.Name, module.Version, module.ModuleUid),
                new HookPod(_target.PodNamespace, _target.PodName, _target.PodUid), command.BaseLifeId, command.Id, number),
            HookJson.Default.HookBody))
        {
            Headers = { ContentType = new MediaTypeHeaderValue("application/json") },
        };

    /// <summary>The beginning of an error response, for the message.</summary>
    private static async Task<string> ReadBodyAsync(HttpResponseMessage response, CancellationToken cancellation)
    {
        var bytes = new byte[MaxBodyBytes];
        var length = 0;
        try
        {
            await using var body = await response.Content.ReadAsStreamAsync(cancellation);
            length = await body.ReadAtLeastAsync(bytes, bytes.Length, throwOnEndOfStream: false, cancellation);
        }
        catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException)
        {
            // The status alone is the message.
        }

        var text = new string([.. Encoding.UTF8.GetString(bytes, 0, length).Select(c => char.IsControl(c) ? ' ' : c)]).Trim();
        return text.Length == 0 ? "" : ": " + text;
    }
}

/// <summary>The body of a hook's request. All tries have the same command id, so a receiver can detect repetitions.</summary>
internal sealed record HookBody(string Event, HookModule Module, HookPod Pod, string BaseLife, string Command, int Try);

internal sealed record HookModule(string Name, string Version, string Uid);

internal sealed record HookPod(string Namespace, string Name, string Uid);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(HookBody))]
internal sealed partial class HookJson : JsonSerializerContext;
