using Microsoft.Extensions.Logging;
using ModuleController.Core.Builtin;
using ModuleController.Core.Meta;
using ModuleController.Kube.Hosting;
using ModuleController.Kube.Tests.Caches;
using ModuleController.Tests;

namespace ModuleController.Kube.Tests.Hosting;

/// <summary>Elections on one Lease, in a time that only the test advances.</summary>
internal sealed class ElectionBench : IAsyncDisposable
{
    public static readonly ObjectKey Key = new("demo", "leader");
    private readonly List<LeaderElection> _elections = [];
    private readonly HashSet<LeaderElection> _running = [];

    public LogGuard Logs { get; } = new();

    public PausedTime Time { get; } = new(new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));

    public FakeCluster Cluster { get; } = new();

    /// <summary>Requests hang, so a request's limit counts as a pause.</summary>
    public bool IsHanging { get; set; }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        Cluster.Before = _ => Task.CompletedTask;
        foreach (var election in _elections)
        {
            await Eventually.Ends(election.StopAsync(CancellationToken.None));
            election.Dispose();
        }

        Logs.Dispose();
    }

    public async Task<LeaderElection> StartedAsync(string name)
    {
        var election = Elect(name);
        await StartAsync(election);
        return election;
    }

    public LeaderElection Elect(string name, string? address = null, Func<LeaderElectionOptions, LeaderElectionOptions>? options = null)
    {
        var defaults = new LeaderElectionOptions(Key, LeaderIdentity.Create(name, address));
        var election = new LeaderElection(Cluster, options?.Invoke(defaults) ?? defaults, Time, Logs.CreateLogger<LeaderElection>());
        _elections.Add(election);
        return election;
    }

    public Task<Lease> LeaseAsync() => Cluster.GetAsync<Lease>(Key, Cancellation);

    public Task PatchAsync(string field, System.Text.Json.Nodes.JsonNode value) =>
        Cluster.PatchAsync<Lease>(Key, new() { ["spec"] = new System.Text.Json.Nodes.JsonObject { [field] = value } }, new("test"),
            Cancellation);

    public Task StartAsync(LeaderElection election)
    {
        _running.Add(election);
        return election.StartAsync(Cancellation);
    }

    public Task StopAsync(LeaderElection election)
    {
        _running.Remove(election);
        return election.StopAsync(Cancellation);
    }

    /// <summary>In steps of a second, each of which the elections get time for; a renewal comes at least every 2.2 s.</summary>
    public async Task PassAsync(TimeSpan time)
    {
        for (var passed = TimeSpan.Zero; passed < time; passed += TimeSpan.FromSeconds(1)) await StepAsync();
    }

    public async Task PassUntilAsync(Func<bool> condition)
    {
        await Eventually.True(async () =>
        {
            if (!condition()) await StepAsync();
            return condition();
        });
    }

    public async Task StepAsync()
    {
        await SettledAsync();
        Time.Advance(TimeSpan.FromSeconds(1));
        await SettledAsync();
    }

    /// <summary>Until each election that runs has done what it had to, and pauses, hangs in a request, or has lost.</summary>
    public Task SettledAsync() => Eventually.True(() =>
        Time.Pauses + (IsHanging ? Time.Limits : 0) >= _running.Count(election => !election.Lost.IsCancellationRequested));
}
