using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using Microsoft.Extensions.Logging;
using ModuleController.Core.Meta;
using ModuleController.Protocol;
using ModuleController.Protocol.V1;
using Polly;
using Polly.Retry;

namespace ModuleController.Agent.Artifacts;

/// <summary>Limits of one download; each is one line of the agent's options or a constant of the house.</summary>
public sealed record DownloadLimits
{
    public long MaxBytes { get; init; } = 512L * 1024 * 1024;

    public int MaxRedirects { get; init; } = 5;

    public int Attempts { get; init; } = 5;

    public TimeSpan FirstDelay { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>If the server asks to wait longer, this is left to whoever sent the command.</summary>
    public TimeSpan LongestWait { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>A server that sends nothing for so long counts as gone.</summary>
    public TimeSpan Silence { get; init; } = TimeSpan.FromSeconds(20);
}

/// <summary>
/// Fetches a jar into a file. A cut download goes on where it was if the server can say that the file is still the same,
/// else from the start; what cannot get better is not tried again.
/// </summary>
public sealed class Downloader : IDisposable
{
    private readonly DownloadLimits _limits;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly SocketsHttpHandler _handler;
    private readonly HttpClient _http;
    private readonly ResiliencePipeline _retry;

    public Downloader(DownloadLimits limits, TimeProvider time, ILogger log)
    {
        (_limits, _time, _log) = (limits, time, log);
        _handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            ConnectTimeout = TimeSpan.FromSeconds(10),
            // Downloads are rare: a connection kept for the next one would be cut by then.
            PooledConnectionIdleTimeout = TimeSpan.FromSeconds(5),
        };
        _http = new HttpClient(_handler, disposeHandler: false) { Timeout = Timeout.InfiniteTimeSpan };
        _retry = new ResiliencePipelineBuilder { TimeProvider = time }
            .AddRetry(new RetryStrategyOptions
            {
                MaxRetryAttempts = limits.Attempts - 1,
                Delay = limits.FirstDelay,
                MaxDelay = limits.LongestWait,
                BackoffType = DelayBackoffType.Exponential,
                UseJitter = true,
                DelayGenerator = retry => new((retry.Outcome.Exception as ArtifactException)?.RetryAfter),
                ShouldHandle = new PredicateBuilder().Handle<ArtifactException>(e => e.IsTransient),
                OnRetry = retry =>
                {
                    retry.Context.Properties.TryGetValue(UrlKey, out var url);
                    _log.DownloadRetried(url ?? "", retry.AttemptNumber + 1, retry.Outcome.Exception!.Message, retry.RetryDelay);
                    return default;
                },
            })
            .Build();
    }

    private static readonly ResiliencePropertyKey<string> UrlKey = new("url");

    /// <summary>Fetches <paramref name="source"/> into <paramref name="target"/>; an <see cref="ArtifactException"/> says why not.</summary>
    public async Task FetchAsync(Uri source, string target, CancellationToken cancellation)
    {
        if (source.IsFile)
        {
            await CopyAsync(source, target, cancellation);
            return;
        }

        var context = ResilienceContextPool.Shared.Get(cancellation);
        try
        {
            context.Properties.Set(UrlKey, Shown(source));
            var part = new Part();
            await _retry.ExecuteAsync(
                async (running, state) => await TryAsync(state.source, state.target, state.part, running.CancellationToken),
                context, (source, target, part));
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

    /// <summary>What an earlier try left in the file, and how the server named the version of it.</summary>
    private sealed class Part
    {
        public EntityTagHeaderValue? Tag { get; set; }

        public long Length { get; set; }
    }

    private async Task TryAsync(Uri source, string target, Part part, CancellationToken cancellation)
    {
        // Pushed back by every piece that arrives.
        using var silence = new CancellationTokenSource(_limits.Silence, _time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellation, silence.Token);
        try
        {
            using var response = await SendAsync(source, part, both.Token);
            CheckStatus(source, response);
            var resumed = response.StatusCode == HttpStatusCode.PartialContent
                && response.Content.Headers.ContentRange?.From == part.Length;
            if (!resumed) part.Length = 0;
            part.Tag = response.Headers.ETag is { IsWeak: false } tag ? tag : null;
            var announced = response.Content.Headers.ContentLength;
            var expected = part.Length + announced;
            if (expected > _limits.MaxBytes) throw TooLarge(source);

            await using var file = OpenTarget(target, part.Length);
            await using var body = await response.Content.ReadAsStreamAsync(both.Token);
            await PumpAsync(source, body, file, part, silence, both.Token);
            if (part.Length < expected) throw Cut(source, "the connection was cut", null);
        }
        catch (OperationCanceledException e) when (silence.IsCancellationRequested && !cancellation.IsCancellationRequested)
        {
            throw Cut(source, string.Create(CultureInfo.InvariantCulture, $"nothing came for {_limits.Silence.TotalSeconds} s"), e);
        }
        catch (HttpRequestException e)
        {
            throw Cut(source, ExceptionText.Of(e), e);
        }
        catch (IOException e) when (e is HttpIOException || e.InnerException is System.Net.Sockets.SocketException)
        {
            throw Cut(source, ExceptionText.Of(e), e);
        }
    }

    private async Task PumpAsync(
        Uri source, Stream body, FileStream file, Part part, CancellationTokenSource? silence, CancellationToken cancellation)
    {
        var buffer = new byte[64 * 1024];
        while (await body.ReadAsync(buffer, cancellation) is var count and > 0)
        {
            silence?.CancelAfter(_limits.Silence);
            if (part.Length + count > _limits.MaxBytes) throw TooLarge(source);
            await WriteAsync(file, buffer.AsMemory(0, count), cancellation);
            part.Length += count;
        }
    }

    private async Task<HttpResponseMessage> SendAsync(Uri source, Part part, CancellationToken cancellation)
    {
        var (url, credentials) = (source, Credentials.Of(source));
        for (var hop = 0; ; hop++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, url);
            request.Headers.Authorization = credentials;
            if (part is { Tag: { } tag, Length: > 0 })
            {
                request.Headers.Range = new RangeHeaderValue(part.Length, null);
                request.Headers.IfRange = new RangeConditionHeaderValue(tag);
            }

            var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation);
            if ((int)response.StatusCode is not (301 or 302 or 303 or 307 or 308)) return response;

            using (response)
            {
                if (hop == _limits.MaxRedirects)
                    throw new ArtifactException(Reason.ArtifactUnreachable, "TOO_MANY_REDIRECTS", $"{Shown(source)} redirects more than {hop} times");
                var location = response.Headers.Location;
                var next = Redirects.Follow(url, location) ?? throw new ArtifactException(
                    Reason.ArtifactUnreachable, "REDIRECT_REFUSED",
                    $"{Shown(url)} redirects to {(location is null ? "nowhere" : UrlText.Of(location.OriginalString))}: "
                    + "only from http to https may the scheme change");
                credentials = Credentials.Of(next) ?? (Redirects.MayKeepCredentials(url, next) ? credentials : null);
                url = next;
            }
        }
    }

    private void CheckStatus(Uri source, HttpResponseMessage response)
    {
        var status = (int)response.StatusCode;
        if (status is 200 or 206) return;
        // 416: the file has become shorter than the part that is here.
        var isBusy = status is >= 500 or 408 or 425 or 429 || (status is 416 && response.RequestMessage?.Headers.Range is not null);
        var reason = status switch
        {
            404 or 410 => Reason.ArtifactNotFound,
            >= 400 when !isBusy => Reason.ArtifactDenied,
            _ => Reason.ArtifactUnreachable,
        };
        var wait = isBusy ? RetryAfter(response) : null;
        throw new ArtifactException(
            reason, string.Create(CultureInfo.InvariantCulture, $"HTTP_{status}"), $"{Shown(source)} answers {status} {response.ReasonPhrase}")
        {
            IsTransient = isBusy && !(wait > _limits.LongestWait),
            RetryAfter = wait,
        };
    }

    private TimeSpan? RetryAfter(HttpResponseMessage response)
    {
        var asked = response.Headers.RetryAfter is { } header ? header.Delta ?? header.Date - _time.GetUtcNow() : null;
        return asked is { } wait && wait > TimeSpan.Zero ? wait < Limits.RetryAfter ? wait : Limits.RetryAfter : null;
    }

    private async Task CopyAsync(Uri source, string target, CancellationToken cancellation)
    {
        if (source.Host.Length > 0 && source.Host != "localhost")
            throw new ArtifactException(Reason.ArtifactUnreachable, "FILE_HOST", $"{Shown(source)} names another host");
        try
        {
            await using var from = new FileStream(
                source.LocalPath, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 1, FileOptions.Asynchronous);
            if (from.Length > _limits.MaxBytes) throw TooLarge(source);
            await using var file = OpenTarget(target, 0);
            await PumpAsync(source, from, file, new Part(), silence: null, cancellation);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new ArtifactException(Reason.ArtifactNotFound, "NO_SUCH_FILE", $"{Shown(source)}: no such file in the agent's container", e);
        }
        catch (Exception e) when (e is UnauthorizedAccessException or IOException)
        {
            throw new ArtifactException(Reason.ArtifactUnreachable, "FILE_ERROR", $"{Shown(source)}: {e.Message}", e);
        }
    }

    private static FileStream OpenTarget(string target, long length)
    {
        try
        {
            var file = new FileStream(target, FileMode.OpenOrCreate, FileAccess.Write, FileShare.Read, 1, FileOptions.Asynchronous);
            file.SetLength(length);
            file.Position = length;
            return file;
        }
        catch (IOException e)
        {
            throw DiskFull(target, e);
        }
    }

    private static async Task WriteAsync(FileStream file, ReadOnlyMemory<byte> bytes, CancellationToken cancellation)
    {
        try
        {
            await file.WriteAsync(bytes, cancellation);
        }
        catch (IOException e)
        {
            throw DiskFull(file.Name, e);
        }
    }

    /// <summary>Every failure to write is the volume's: full, over quota, read-only or gone.</summary>
    private static ArtifactException DiskFull(string target, IOException e) =>
        new(Reason.DiskFull, "DISK_FULL", $"cannot write {Path.GetFileName(target)}: {e.Message}", e);

    private ArtifactException TooLarge(Uri source) => new(
        Reason.InvalidArtifact, "TOO_LARGE",
        string.Create(CultureInfo.InvariantCulture, $"{Shown(source)} is larger than the {_limits.MaxBytes} bytes that an artifact may have"));

    private static string Shown(Uri url) => UrlText.Of(url.AbsoluteUri);

    private static ArtifactException Cut(Uri source, string problem, Exception? inner) =>
        new(Reason.ArtifactUnreachable, "UNREACHABLE", $"{Shown(source)}: {problem}", inner) { IsTransient = true };
}
