using System.Net.Mime;
using System.Threading.RateLimiting;
using ModuleController.Core.Meta;

namespace ModuleController.ControlPlane.Admission;

/// <summary>Answers <c>POST /admission/NAME</c>: finds the handler, reads the review and writes the decision.</summary>
/// <remarks>Limits: the size of a body, the bytes that are read at once, the requests that wait, and the time of each.</remarks>
internal sealed partial class AdmissionEndpoint(
    IReadOnlyList<IAdmissionHandler> handlers, Func<bool> isSynced, AdmissionMetrics metrics, TimeProvider time,
    ILogger<AdmissionEndpoint> logger)
    : IDisposable
{
    /// <summary>The API server takes objects of at most 3 MiB. An update has two of them.</summary>
    public const int MaxBody = 7 * 1024 * 1024;

    private const int BodiesAtOnce = 4 * 1024 * 1024;
    private const int Unit = 64 * 1024;

    // The webhooks' timeout is 5 s: nobody waits longer.
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(10);

    private readonly Dictionary<string, IAdmissionHandler> _handlers = handlers.ToDictionary(handler => handler.Name);

    // 4 MiB of bodies at once, because they can take 50 times as much memory when they are parsed. 128 MiB wait without being read.
    private readonly ConcurrencyLimiter _limiter = new(new()
    {
        PermitLimit = BodiesAtOnce / Unit,
        QueueLimit = 128 * 1024 * 1024 / Unit,
        QueueProcessingOrder = QueueProcessingOrder.OldestFirst,
    });

    public void Dispose() => _limiter.Dispose();

    public async Task AnswerAsync(HttpContext context)
    {
        var begin = time.GetTimestamp();
        var handler = _handlers.GetValueOrDefault((string)context.Request.RouteValues["name"]!);
        using var deadline = new CancellationTokenSource(Deadline, time);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, context.RequestAborted);
        var answer = handler is null
            ? new(AdmissionResult.Malformed, StatusCodes.Status404NotFound, "there is no webhook of this name")
            : await AnswerAsync(handler, context.Request, ended.Token);
        metrics.Answered(handler?.Name ?? AdmissionMetrics.UnknownWebhook, answer.Result, time.GetElapsedTime(begin));
        if (context.RequestAborted.IsCancellationRequested) return;
        context.Response.StatusCode = answer.Status;
        context.Response.ContentType = answer.IsReview ? MediaTypeNames.Application.Json : MediaTypeNames.Text.Plain;
        await context.Response.WriteAsync(answer.IsReview ? answer.Text : $"{answer.Text}\n", context.RequestAborted);
    }

    private async Task<Answer> AnswerAsync(IAdmissionHandler handler, HttpRequest request, CancellationToken cancellation)
    {
        if (!request.HasJsonContentType())
            return new(AdmissionResult.Malformed, StatusCodes.Status415UnsupportedMediaType, "the content type is not application/json");
        if (request.ContentLength > MaxBody) return TooLarge;
        if (handler.ReadsCaches && !isSynced())
            return new(AdmissionResult.Refused, StatusCodes.Status503ServiceUnavailable, "the caches are not synced");
        try
        {
            var units = (int)Math.Clamp((request.ContentLength ?? MaxBody) / Unit, 1, BodiesAtOnce / Unit);
            using var lease = await _limiter.AcquireAsync(units, cancellation);
            if (!lease.IsAcquired)
                return new(AdmissionResult.Refused, StatusCodes.Status503ServiceUnavailable, "too many requests at once");
            var review = AdmissionReview.Read(await ReadBodyAsync(request, cancellation));
            var decision = await handler.DecideAsync(review, cancellation);
            return new(
                decision.Denial is null ? AdmissionResult.Allowed : AdmissionResult.Denied, StatusCodes.Status200OK,
                AdmissionReview.Answer(review.Uid, decision).ToJsonString(), IsReview: true);
        }
        catch (FormatException exception)
        {
            return new(AdmissionResult.Malformed, StatusCodes.Status400BadRequest, exception.Message);
        }
        catch (BadHttpRequestException exception)
        {
            return exception.StatusCode == StatusCodes.Status413PayloadTooLarge
                ? TooLarge : new(AdmissionResult.Malformed, exception.StatusCode, exception.Message);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            LogLate(handler.Name);
            return new(AdmissionResult.Cancelled, StatusCodes.Status503ServiceUnavailable, "the deadline of the request has passed");
        }
        catch (Exception exception)
        {
            // The failurePolicy of the webhook decides about the request; the next one is answered as usual.
            LogFailed(exception, handler.Name);
            return new(
                AdmissionResult.Failed, StatusCodes.Status500InternalServerError, $"webhook {handler.Name}: {ExceptionText.Of(exception)}");
        }
    }

    private static Answer TooLarge => new(
        AdmissionResult.Malformed, StatusCodes.Status413PayloadTooLarge, $"the body is larger than {MaxBody} bytes");

    private static async Task<byte[]> ReadBodyAsync(HttpRequest request, CancellationToken cancellation)
    {
        using var body = new MemoryStream((int)(request.ContentLength ?? 0));
        await request.Body.CopyToAsync(body, cancellation);
        return body.ToArray();
    }

    [LoggerMessage(LogLevel.Warning, "Webhook {Webhook}: a request was not answered in time")]
    private partial void LogLate(string webhook);

    [LoggerMessage(LogLevel.Error, "Webhook {Webhook}: a request failed")]
    private partial void LogFailed(Exception exception, string webhook);

    private sealed record Answer(AdmissionResult Result, int Status, string Text, bool IsReview = false);
}
