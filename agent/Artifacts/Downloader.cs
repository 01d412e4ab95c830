using Microsoft.Extensions.Logging;
using ModuleController.Protocol.V1;
using Polly;
using Polly.Retry;

namespace ModuleController.Agent.Artifacts;

/// <summary>
/// Fetches a jar into a file. Only transient failures are retried. A download that was cut is resumed if the server can say that the file
/// has not changed, otherwise it starts over.
/// </summary>
public sealed class Downloader : IDisposable
{
    private static readonly ResiliencePropertyKey<string> UrlKey = new("url");

    private readonly DownloadLimits _limits;
    private readonly ILogger _log;
    private readonly SocketsHttpHandler _handler;
    private readonly HttpClient _http;
    private readonly HttpDownload _download;
    private readonly ResiliencePipeline _retry;

    /// <param name="credentials">A netrc file; null: only urls have credentials.</param>
    public Downloader(DownloadLimits limits, TimeProvider time, ILogger log, string? credentials = null)
    {
        (_limits, _log) = (limits, log);
        _handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            ConnectTimeout = TimeSpan.FromSeconds(10),
            // Downloads are rare: the server would have closed a connection that was kept for the next one.
            PooledConnectionIdleTimeout = TimeSpan.FromSeconds(5),
        };
        _http = new HttpClient(_handler, disposeHandler: false) { Timeout = Timeout.InfiniteTimeSpan };
        _download = new HttpDownload(_http, new(credentials, log), limits, time);
        _retry = new ResiliencePipelineBuilder { TimeProvider = time }
            .AddRetry(new RetryStrategyOptions
            {
                MaxRetryAttempts = limits.Attempts - 1,
                Delay = limits.FirstDelay,
                MaxDelay = limits.MaxDelay,
                BackoffType = DelayBackoffType.Exponential,
                UseJitter = true,
                DelayGenerator = retry => new((retry.Outcome.Exception as ArtifactException)?.RetryAfter),
                ShouldHandle = new PredicateBuilder().Handle<ArtifactException>(e => e.IsTransient),
                OnRetry = LogRetry,
            })
            .Build();
    }

    /// <summary>
    /// Fetches <paramref name="source"/> into <paramref name="target"/>; an <see cref="ArtifactException"/> says why not.
    /// </summary>
    /// <param name="policy">Of the source, which it allows. Redirects and bytes are checked here.</param>
    public async Task FetchAsync(Uri source, string target, DownloadPolicy policy, CancellationToken cancellation)
    {
        var part = new PartFile(target, length => policy.CheckLength(length, _limits.MaxBytes));
        if (source.IsFile)
        {
            await CopyAsync(source, part, cancellation);
            return;
        }

        var context = ResilienceContextPool.Shared.Get(cancellation);
        try
        {
            context.Properties.Set(UrlKey, DownloadFailures.Shown(source));
            await _retry.ExecuteAsync(
                async (attempt, state) => await _download.RunAsync(state.source, state.part, state.policy, attempt.CancellationToken),
                context, (source, part, policy));
        }
        finally
        {
            ResilienceContextPool.Shared.Return(context);
        }
    }

    public void Dispose()
    {
        _http.Dispose();
        _handler.Dispose();
    }

    private ValueTask LogRetry(OnRetryArguments<object> retry)
    {
        retry.Context.Properties.TryGetValue(UrlKey, out var url);
        _log.DownloadRetried(url ?? "", retry.AttemptNumber + 1, retry.Outcome.Exception!.Message, retry.RetryDelay);
        return default;
    }

    private static async Task CopyAsync(Uri source, PartFile part, CancellationToken cancellation)
    {
        if (source.Host.Length > 0 && source.Host != "localhost")
            throw new ArtifactException(Reason.ArtifactUnreachable, "FILE_HOST", $"{DownloadFailures.Shown(source)} names another host");
        try
        {
            await using var file = new FileStream(
                source.LocalPath, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 1, FileOptions.Asynchronous);
            part.CheckLength(file.Length);
            await part.AppendAsync(file, received: null, cancellation);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new ArtifactException(
                Reason.ArtifactNotFound, "NO_SUCH_FILE", $"{DownloadFailures.Shown(source)}: no such file in the agent's container", e);
        }
        catch (Exception e) when (e is UnauthorizedAccessException or IOException)
        {
            throw new ArtifactException(Reason.ArtifactUnreachable, "FILE_ERROR", $"{DownloadFailures.Shown(source)}: {e.Message}", e);
        }
    }
}
