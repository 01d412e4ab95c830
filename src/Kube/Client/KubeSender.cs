using System.Net;
using System.Net.Http.Headers;
using Microsoft.Extensions.Logging;
using ModuleController.Core.Meta;

namespace ModuleController.Kube.Client;

/// <summary>
/// Sends and counts requests, and repeats those that can be repeated safely: after 429, or 503 with Retry-After, a request was not
/// carried out; a GET may be sent twice. All other errors are left to the caller.
/// </summary>
internal sealed partial class KubeSender(
    Transport transport, KubeClientOptions options, KubeMetrics metrics, TimeProvider time, ILogger logger)
{
    private static readonly Backoff Backoff = new(TimeSpan.FromMilliseconds(200), TimeSpan.FromSeconds(30));

    private readonly ProductInfoHeaderValue _userAgent = ProductInfoHeaderValue.Parse(options.UserAgent);

    /// <summary>The successful response's body.</summary>
    public async Task<byte[]> SendAsync(KubeRequest request, CancellationToken cancellation)
    {
        for (var attempt = 1; ; attempt++)
        {
            TimeSpan wait;
            try
            {
                return await SendOnceAsync(request, cancellation);
            }
            catch (KubeException exception) when (attempt < options.Attempts && MayTryAgain(request, exception.Error))
            {
                wait = exception.Error.RetryAfter ?? Backoff.After(attempt, random: 0);
                LogRetry(request.Description, exception.Error, wait);
            }

            await Task.Delay(wait < Backoff.Maximum ? wait : Backoff.Maximum, time, cancellation);
        }
    }

    /// <summary>The response as soon as its headers are there; the caller reads and disposes it.</summary>
    public async Task<HttpResponseMessage> OpenAsync(KubeRequest request, CancellationToken cancellation)
    {
        var code = 0;
        try
        {
            using var message = request.ToMessage(transport.BaseUri, _userAgent, options.UsesHttp2);
            await transport.AuthenticateAsync(message, cancellation);
            var response = await transport.Http.SendAsync(message, HttpCompletionOption.ResponseHeadersRead, cancellation);
            code = (int)response.StatusCode;
            if (response.IsSuccessStatusCode) return response;
            using (response) throw await RefusalAsync(request, response, cancellation);
        }
        catch (Exception exception) when (exception is HttpRequestException or IOException)
        {
            throw new KubeException(new(0, KubeError.Unreachable, ExceptionText.Of(exception)), request.Description, exception);
        }
        finally
        {
            metrics.Requested(request.Verb, request.Resource, request.Subresource, code);
        }
    }

    private async Task<byte[]> SendOnceAsync(KubeRequest request, CancellationToken cancellation)
    {
        using var timeout = new CancellationTokenSource(options.RequestTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellation);
        try
        {
            using var response = await OpenAsync(request, either.Token);
            return await response.Content.ReadAsByteArrayAsync(either.Token);
        }
        catch (OperationCanceledException exception) when (timeout.IsCancellationRequested && !cancellation.IsCancellationRequested)
        {
            throw new KubeException(
                new(0, KubeError.TimedOut, $"no answer within {options.RequestTimeout}"), request.Description, exception);
        }
        catch (Exception exception) when (exception is HttpRequestException or IOException)
        {
            throw new KubeException(new(0, KubeError.Unreachable, ExceptionText.Of(exception)), request.Description, exception);
        }
    }

    private static async Task<KubeException> RefusalAsync(
        KubeRequest request, HttpResponseMessage response, CancellationToken cancellation)
    {
        var body = await response.Content.ReadAsByteArrayAsync(cancellation);
        var error = KubeError.Parse(body, (int)response.StatusCode);
        if (response.Headers.RetryAfter?.Delta is { } after) error = error with { RetryAfter = after };
        return new(error, request.Description);
    }

    private static bool MayTryAgain(KubeRequest request, KubeError error) =>
        error.Code == (int)HttpStatusCode.TooManyRequests
        || (error.Code == (int)HttpStatusCode.ServiceUnavailable && error.RetryAfter is not null)
        || (error.Reason == KubeError.Unreachable && request.IsIdempotent);

    [LoggerMessage(LogLevel.Debug, "{Request} answered {Error}; again in {Wait}")]
    private partial void LogRetry(string request, KubeError error, TimeSpan wait);
}
