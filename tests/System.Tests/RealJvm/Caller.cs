using System.Collections.Concurrent;
using ModuleController.SystemTests.Harness;

namespace ModuleController.SystemTests.RealJvm;

/// <summary>Calls a module without a pause, at each endpoint that its Service has at that moment.</summary>
internal sealed class Caller : IAsyncDisposable
{
    private static readonly HttpClient Http = new(new SocketsHttpHandler { PooledConnectionLifetime = TimeSpan.Zero });

    private readonly CancellationTokenSource _stop = new();
    private readonly TaskCompletionSource _first = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly World _world;
    private readonly TimeSpan _drain;
    private readonly string[] _paths;
    private readonly Task _calls;

    private Caller(World world, string module, TimeSpan drain, string[] paths)
    {
        (_world, Module, _drain, _paths) = (world, module, drain, paths);
        _calls = CallAsync();
    }

    public string Module { get; }

    public ConcurrentQueue<string> Answers { get; } = [];

    /// <summary>What was not answered, or not with 200, although the Service had the endpoint within the drain time before.</summary>
    public ConcurrentQueue<string> Failures { get; } = [];

    /// <summary>Calls already when it returns. Of several paths, the first that is known counts.</summary>
    /// <param name="drain">How long an endpoint serves on after it has left the Service: whoever is slower has no claim to an
    /// answer.</param>
    public static async Task<Caller> StartAsync(World world, string module, TimeSpan drain, params string[] paths)
    {
        var caller = new Caller(world, module, drain, paths);
        await caller._first.Task;
        return caller;
    }

    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await _calls;
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _stop.Dispose();
    }

    public override string ToString() =>
        $"{Answers.Count} answers ({string.Join(", ", Answers.Distinct())}), failures: {string.Join(", ", Failures)}";

    private async Task CallAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            var askedAt = TimeProvider.System.GetTimestamp();
            var endpoints = await _world.EndpointsAsync($"{Module}-service");
            if (endpoints.Count == 0) Failures.Enqueue("no endpoint");
            foreach (var endpoint in endpoints) await AskAsync(endpoint, askedAt);
            _first.TrySetResult();
        }
    }

    private async Task AskAsync(string endpoint, long askedAt)
    {
        var (answer, isKnown) = ("", false);
        foreach (var path in _paths)
        {
            try
            {
                using var response = await Http.GetAsync(new Uri($"http://{endpoint}/{path}"), CancellationToken.None);
                isKnown = response.IsSuccessStatusCode;
                answer = isKnown ? (await response.Content.ReadAsStringAsync(CancellationToken.None)).Trim()
                    : $"{path}: {(int)response.StatusCode}";
            }
            catch (HttpRequestException exception)
            {
                answer = $"{path}: {exception.Message}";
            }

            if (isKnown) break;
        }

        if (isKnown) Answers.Enqueue(answer);
        else if (TimeProvider.System.GetElapsedTime(askedAt) < _drain) Failures.Enqueue(answer);
    }
}
