using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using ModuleController.Core.Meta;
using ModuleController.Protocol;
using ModuleController.Protocol.V1;

namespace ModuleController.Agent.Artifacts;

/// <summary>One attempt of a download: the request, its redirects, the status and the body.</summary>
internal sealed class HttpDownload(HttpClient http, Credentials known, DownloadLimits limits, TimeProvider time)
{
    /// <summary>
    /// Resumes after the bytes of <paramref name="part"/> if the server still has the same version, otherwise starts over.
    /// </summary>
    public async Task RunAsync(Uri source, PartFile part, DownloadPolicy policy, CancellationToken cancellation)
    {
        // Restarted by each block that arrives.
        using var idle = new CancellationTokenSource(limits.IdleTimeout, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellation, idle.Token);
        try
        {
            using var response = await SendAsync(source, part, policy, both.Token);
            CheckStatus(source, response);
            var isResumed = response.StatusCode == HttpStatusCode.PartialContent
                && response.Content.Headers.ContentRange?.From == part.Length;
            if (!isResumed) part.Length = 0;
            part.Tag = response.Headers.ETag is { IsWeak: false } tag ? tag : null;
            var expected = part.Length + response.Content.Headers.ContentLength;
            part.CheckLength(expected);

            await using var body = await response.Content.ReadAsStreamAsync(both.Token);
            await part.AppendAsync(body, () => idle.CancelAfter(limits.IdleTimeout), both.Token);
            if (part.Length < expected) throw DownloadFailures.Unreachable(source, "the connection was cut", null);
        }
        catch (OperationCanceledException e) when (idle.IsCancellationRequested && !cancellation.IsCancellationRequested)
        {
            throw DownloadFailures.Unreachable(
                source, string.Create(CultureInfo.InvariantCulture, $"no data received for {limits.IdleTimeout.TotalSeconds} s"), e);
        }
        catch (HttpRequestException e)
        {
            throw DownloadFailures.Unreachable(source, ExceptionText.Of(e), e);
        }
        catch (IOException e)
        {
            // The connection's: what the volume fails with is an ArtifactException. A TLS stream gives no cause.
            throw DownloadFailures.Unreachable(source, ExceptionText.Of(e), e);
        }
    }

    private async Task<HttpResponseMessage> SendAsync(Uri source, PartFile part, DownloadPolicy policy, CancellationToken cancellation)
    {
        var (url, credentials) = (source, known.Of(source));
        for (var hop = 0; ; hop++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, url);
            request.Headers.Authorization = credentials;
            if (part is { Tag: { } tag, Length: > 0 })
            {
                request.Headers.Range = new RangeHeaderValue(part.Length, null);
                request.Headers.IfRange = new RangeConditionHeaderValue(tag);
            }

            var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation);
            if ((int)response.StatusCode is not (301 or 302 or 303 or 307 or 308)) return response;

            using (response)
            {
                if (hop == limits.MaxRedirects)
                    throw new ArtifactException(
                        Reason.ArtifactUnreachable, "TOO_MANY_REDIRECTS",
                        $"{DownloadFailures.Shown(source)} redirects more than {hop} times");
                var next = Follow(url, response.Headers.Location);
                policy.CheckRedirect(url, next);
                credentials = known.Of(next) ?? (Redirects.MayKeepCredentials(url, next) ? credentials : null);
                url = next;
            }
        }
    }

    private static Uri Follow(Uri url, Uri? location) => Redirects.Follow(url, location) ?? throw new ArtifactException(
        Reason.ArtifactUnreachable, "REDIRECT_REFUSED",
        $"{DownloadFailures.Shown(url)} redirects to {(location is null ? "nowhere" : UrlText.Of(location.OriginalString))}: "
        + "only from http to https may the scheme change");

    private void CheckStatus(Uri source, HttpResponseMessage response)
    {
        var status = (int)response.StatusCode;
        if (status is 200 or 206) return;
        // 416 to a range: the file has become shorter than the part that was fetched.
        var isBusy = status is >= 500 or 408 or 425 or 429 || (status is 416 && response.RequestMessage?.Headers.Range is not null);
        var reason = status switch
        {
            404 or 410 => Reason.ArtifactNotFound,
            >= 400 when !isBusy => Reason.ArtifactDenied,
            _ => Reason.ArtifactUnreachable,
        };
        var wait = isBusy ? RetryAfter(response) : null;
        throw new ArtifactException(
            reason, string.Create(CultureInfo.InvariantCulture, $"HTTP_{status}"),
            $"{DownloadFailures.Shown(source)} answers {status} {response.ReasonPhrase}")
        {
            IsTransient = isBusy && !(wait > limits.MaxDelay),
            RetryAfter = wait,
        };
    }

    private TimeSpan? RetryAfter(HttpResponseMessage response)
    {
        var requested = response.Headers.RetryAfter is { } header ? header.Delta ?? header.Date - time.GetUtcNow() : null;
        return requested is { } wait && wait > TimeSpan.Zero ? wait < Limits.RetryAfter ? wait : Limits.RetryAfter : null;
    }
}
