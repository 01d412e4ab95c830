using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.Extensions.Logging;
using ModuleController.Core.Meta;
using ModuleController.Protocol.V1;
using Polly;
using Polly.Retry;

namespace ModuleController.Agent.Hooks;

/// <summary>Whose agent this is; the address is the pod's own, and the only one that hooks are called at.</summary>
public sealed record HookTarget(string Host, string PodNamespace, string PodName, string PodUid);

/// <summary>
/// Calls hooks: an HTTP POST to a port of the own pod, each try with a time-out of its own. No redirect is followed and no
/// proxy asked, so a hook can't lead anywhere else.
/// </summary>
public sealed class HookRunner : IDisposable
{
    private const int BytesOfAnswer = 512;
    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(10);

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
            // Hooks are rare, and a JVM that restarts takes its connections along.
            PooledConnectionIdleTimeout = TimeSpan.FromSeconds(5),
        })
        { Timeout = Timeout.InfiniteTimeSpan };
    }

    /// <summary>Null when the hook succeeded, or its failure counts for nothing; else what went wrong in the last try.</summary>
    public async Task<string?> CallAsync(HookCall hook, Command command, ModuleRef module, CancellationToken cancellation)
    {
        var tries = 0;
        var pipeline = new ResiliencePipelineBuilder<string?> { TimeProvider = _time };
        if (hook.Retries > 0)
            pipeline.AddRetry(new RetryStrategyOptions<string?>
            {
                MaxRetryAttempts = hook.Retries,
                Delay = FirstPause,
                MaxDelay = LongestPause,
                BackoffType = DelayBackoffType.Exponential,
                ShouldHandle = attempt => ValueTask.FromResult(attempt.Outcome is { Exception: null, Result: not null }),
            });
        var problem = await pipeline.Build().ExecuteAsync(
            async token => await TryAsync(hook, command, module, ++tries, token), cancellation);
        if (problem is null || !hook.IgnoreFailure) return problem;
        _log.HookIgnored(command.Id, problem);
        return null;
    }

    public void Dispose() => _http.Dispose();

    private async Task<string?> TryAsync(HookCall hook, Command command, ModuleRef module, int number, CancellationToken cancellation)
    {
        // Host and port are ours; what stands behind them can't become part of the authority, since it begins with a slash.
        var url = new Uri(string.Create(CultureInfo.InvariantCulture, $"http://{Host()}:{hook.Port}{hook.Path}"));
        using var deadline = new CancellationTokenSource(hook.Timeout, _time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellation, deadline.Token);
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, url) { Content = Body(hook, command, module, number) };
            using var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, both.Token);
            if (response.IsSuccessStatusCode) return null;
            var beginning = await BeginningAsync(response, both.Token);
            return $"{hook.Event} hook {url} answered {(int)response.StatusCode} {response.ReasonPhrase}{beginning}";
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return string.Create(CultureInfo.InvariantCulture, $"{hook.Event} hook {url} did not answer within {hook.Timeout.TotalSeconds} s");
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            return $"{hook.Event} hook {url}: {e.GetType().Name}: {ExceptionText.Of(e)}";
        }
    }

    private string Host() => IPAddress.TryParse(_target.Host, out var address) && address.AddressFamily is System.Net.Sockets.AddressFamily.InterNetworkV6
        ? $"[{_target.Host}]"
        : _target.Host;

    private ByteArrayContent Body(HookCall hook, Command command, ModuleRef module, int number) =>
        // Its length is known: not every server in a JVM reads chunks.
        new(JsonSerializer.SerializeToUtf8Bytes(
            new HookBody(
                hook.Event, new HookModule(module.Name, module.Version, module.ModuleUid),
                new HookPod(_target.PodNamespace, _target.PodName, _target.PodUid), command.BaseLifeId, command.Id, number),
            HookJson.Default.HookBody))
        {
            Headers = { ContentType = new MediaTypeHeaderValue("application/json") },
        };

    /// <summary>The first words of an answer, for a person to read; the rest is left unread.</summary>
    private static async Task<string> BeginningAsync(HttpResponseMessage response, CancellationToken cancellation)
    {
        var bytes = new byte[BytesOfAnswer];
        var length = 0;
        try
        {
            await using var body = await response.Content.ReadAsStreamAsync(cancellation);
            length = await body.ReadAtLeastAsync(bytes, bytes.Length, throwOnEndOfStream: false, cancellation);
        }
        catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException)
        {
            // The status is known, and says enough.
        }

        var text = new string([.. Encoding.UTF8.GetString(bytes, 0, length).Select(c => char.IsControl(c) ? ' ' : c)]).Trim();
        return text.Length == 0 ? "" : ": " + text;
    }
}

/// <summary>What a hook is told. The command's id is the same in every try, so a receiver can tell a repetition.</summary>
internal sealed record HookBody(string Event, HookModule Module, HookPod Pod, string BaseLife, string Command, int Try);

internal sealed record HookModule(string Name, string Version, string Uid);

internal sealed record HookPod(string Namespace, string Name, string Uid);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(HookBody))]
internal sealed partial class HookJson : JsonSerializerContext;
