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
    private readonly string[] _paths;
    private readonly Task _calls;

    private Caller(World world, string module, string[] paths)
    {
        (_world, Module, _paths) = (world, module, paths);
        _calls = CallAsync();
    }

    public string Module { get; }

    public ConcurrentQueue<string> Answers { get; } = [];

    /// <summary>What was not answered, or not with 200.</summary>
    public ConcurrentQueue<string> Failures { get; } = [];

    /// <summary>Calls already when it returns. Of several paths, the first that is known counts.</summary>
    public static async Task<Caller> StartAsync(World world, string module, params string[] paths)
    {
        var caller = new Caller(world, module, paths);
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

    public override string ToString() => $"{Answers.Count} answers ({string.Join(", ", Answers.Distinct())}), failures: {string.Join(", ", Failures)}";

    private async Task CallAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            var endpoints = await _world.EndpointsAsync($"{Module}-service");
            if (endpoints.Count == 0) Failures.Enqueue("no endpoint");
            foreach (var endpoint in endpoints) await AskAsync(endpoint);
            _first.TrySetResult();
        }
    }

    private async Task AskAsync(string endpoint)
    {
        var (answer, isKnown) = ("", false);
        foreach (var path in _paths)
        {
            try
            {
                using var response = await Http.GetAsync(new Uri($"http://{endpoint}/{path}"), CancellationToken.None);
                isKnown = response.IsSuccessStatusCode;
                answer = isKnown ? (await response.Content.ReadAsStringAsync(CancellationToken.None)).Trim() : $"{path}: {(int)response.StatusCode}";
            }
            catch (HttpRequestException exception)
            {
                answer = $"{path}: {exception.Message}";
            }

            if (isKnown) break;
        }

        (isKnown ? Answers : Failures).Enqueue(answer);
    }
}
