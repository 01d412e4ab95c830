using System.Globalization;
using System.Net;

namespace ModuleController.Dev.Cluster.Demo;

/// <summary>A client of the module's Service: sends requests one after the other, to the ready endpoints in turn.</summary>
internal sealed class ServiceTraffic : IAsyncDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(25);

    private readonly DemoApi _api;
    private readonly HttpClient _http;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _stop;
    private readonly SortedDictionary<string, int> _answers = new(StringComparer.Ordinal);
    private readonly Task _running;
    private int _failed;
    private DateTimeOffset _firstFailure;
    private DateTimeOffset _lastFailure;

    public ServiceTraffic(DemoApi api, HttpClient http, TimeProvider time, CancellationToken cancellation)
    {
        (_api, _http, _time) = (api, http, time);
        _stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        _running = RunAsync();
    }

    /// <summary>Stops, and summarizes the responses in one line.</summary>
    public async Task<string> SummaryAsync()
    {
        await StopAsync();
        var all = _answers.Values.Sum() + _failed;
        var answers = string.Join(", ", _answers.Select(pair => $"{pair.Value} × \"{pair.Key}\""));
        return $"{all} requests through the Service meanwhile: {answers}{(answers.Length > 0 ? ", " : "")}{_failed} failed"
            + (_failed == 0 ? "" : string.Create(
            CultureInfo.InvariantCulture, $" (within {(_lastFailure - _firstFailure).TotalSeconds:0.0} s)"));
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _stop.Dispose();
    }

    private async Task StopAsync()
    {
        if (!_stop.IsCancellationRequested) await _stop.CancelAsync();
        await _running;
    }

    private async Task RunAsync()
    {
        try
        {
            for (var number = 0; ; number++)
            {
                var endpoints = await _api.EndpointsAsync(_stop.Token);
                if (endpoints.Count > 0) await AskAsync(endpoints[number % endpoints.Count]);
                else Fail();
                await Task.Delay(Pause, _time, _stop.Token);
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // Stopped.
        }
    }

    private async Task AskAsync(Uri endpoint)
    {
        try
        {
            using var response = await _http.GetAsync(new Uri(endpoint, SampleModule.Page), _stop.Token);
            var text = await response.Content.ReadAsStringAsync(_stop.Token);
            if (response.StatusCode == HttpStatusCode.OK) _answers[text] = _answers.GetValueOrDefault(text) + 1;
            else Fail();
        }
        catch (Exception problem) when (problem is HttpRequestException or IOException || !_stop.IsCancellationRequested)
        {
            Fail();
        }
    }

    private void Fail()
    {
        _lastFailure = _time.GetUtcNow();
        if (_failed++ == 0) _firstFailure = _lastFailure;
    }
}
