using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace ModuleController.ControlPlane.Admission;

/// <summary>How a request to a webhook ended.</summary>
internal enum AdmissionResult
{
    Allowed,
    Denied,

    /// <summary>The body is not a review, or the path names no webhook.</summary>
    Malformed,

    /// <summary>Too many requests at once, or the caches are not synced.</summary>
    Refused,

    /// <summary>The deadline passed, or the API server no longer waits.</summary>
    Cancelled,

    /// <summary>The handler failed.</summary>
    Failed,
}

/// <summary>Instruments of the webhooks; the exporter adds unit and <c>_total</c> to the names.</summary>
public sealed class AdmissionMetrics : IDisposable
{
    public const string MeterName = "ModuleController.Admission";

    /// <summary>Paths are chosen by whoever sends a request, and each name is kept.</summary>
    internal const string UnknownWebhook = "unknown";

    private readonly Meter _meter;
    private readonly Counter<long> _requests;
    private readonly Histogram<double> _durations;

    /// <param name="scope">Whose they are, where a process has several.</param>
    public AdmissionMetrics(object? scope = null)
    {
        _meter = new(new MeterOptions(MeterName) { Scope = scope });
        _requests = _meter.CreateCounter<long>(
            "modulecontroller_webhook_requests", null, "Requests of the API server to webhooks, by webhook and result");
        _durations = _meter.CreateHistogram(
            "modulecontroller_webhook_duration", "s", "Time of a request to a webhook, with reading its body",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10] });
    }

    public void Dispose() => _meter.Dispose();

    internal void Answered(string webhook, AdmissionResult result, TimeSpan took)
    {
        _requests.Add(1, new TagList { { "webhook", webhook }, { "result", result.ToString() } });
        _durations.Record(took.TotalSeconds, new KeyValuePair<string, object?>("webhook", webhook));
    }
}
