using Microsoft.Extensions.Logging.Abstractions;
using ModuleController.Agent.Journal;
using ModuleController.Agent.Observing;
using ModuleController.Agent.Tests.Commands;
using ModuleController.Protocol.V1;
using ModuleController.Tests;
using static ModuleController.Agent.Tests.EndToEnd.AgentCommands;

namespace ModuleController.Agent.Tests;

/// <summary>What the agent brings back by itself, and in which order.</summary>
public sealed class SelfReplayTests : IAsyncLifetime
{
    private RunnerBench _bench = null!;

    public async ValueTask InitializeAsync() => _bench = await RunnerBench.StartAsync();

    public ValueTask DisposeAsync() => _bench.DisposeAsync();

    [Fact]
    public async Task A_replay_is_ordered_by_priority_then_age_of_the_deployment_with_suspects_last()
    {
        await InstalledAsync("late", priority: 0, createdAt: 9);
        await InstalledAsync("suspect", priority: 9, createdAt: 1, hasLived: false);
        await InstalledAsync("early", priority: 0, createdAt: 1);
        await InstalledAsync("urgent", priority: 5, createdAt: 9);
        Assert.Equal(["urgent", "early", "late", "suspect"], await ReplayedAsync(4));
    }

    [Fact]
    public async Task A_module_that_caused_two_JVM_exits_is_not_replayed()
    {
        await InstalledAsync("killer", priority: 9, createdAt: 1, hasLived: false);
        await InstalledAsync("good", priority: 0, createdAt: 1);
        var killer = _bench.Journal.State.Modules.Single(module => module.Name == "killer");
        _bench.Journal.Append(new JournalRecord.Removed("killer", "1.0.0"),
            new JournalRecord.Owned(killer with { IsSuspect = true, Exits = 2 }));
        Assert.Equal(["good"], await ReplayedAsync(1));
    }

    private async Task InstalledAsync(string name, int priority, int createdAt, bool hasLived = true)
    {
        var install = Install(_bench.Life, name, "1.0.0", _bench.Jar(name, "1.0.0"));
        new ReplayOrder(priority, DateTimeOffset.UnixEpoch.AddDays(createdAt), hasLived).WriteTo(install.Install);
        Assert.Equal(Outcome.Succeeded, (await _bench.RunAsync(install)).Outcome);
    }

    /// <summary>The modules that are installed in a new life, until none is missing any more.</summary>
    private async Task<IEnumerable<string>> ReplayedAsync(int count)
    {
        var before = _bench.Arklet.Calls.Count;
        var life = _bench.Life;
        _bench.Arklet.BeginLife(TimeSpan.Zero);
        await Eventually.True(async () => (await _bench.LookAsync()).Life?.Id != life);
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        var replay = new SelfReplay(() => false, _bench.Runner, _bench.Observer, _bench.Journal, TimeSpan.Zero, TimeProvider.System,
            NullLogger.Instance);
        var running = replay.RunAsync(ending.Token);
        await Eventually.True(() => !replay.IsPending && _bench.Arklet.Listed.Count == count);
        await ending.CancelAsync();
        await Task.WhenAny(running);
        return _bench.Arklet.Calls.Skip(before).Select(call => call.Split(' ', ':')[1]);
    }
}

public sealed class ReadyFileTests
{
    [Fact]
    public async Task The_ready_file_has_one_writer()
    {
        using var folder = new TemporaryFolder();
        var log = new LogLines();
        var (reading, atOnce, read) = (0, 0, 0);
        var ready = new ReadyFile(folder.Path, () =>
        {
            atOnce = Math.Max(atOnce, Interlocked.Increment(ref reading));
            Interlocked.Increment(ref read);
            Interlocked.Decrement(ref reading);
            return (BaseView.Unknown with { State = BaseState.Up }, false);
        }, TimeProvider.System, log);
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        var running = ready.RunAsync(ending.Token);
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() =>
        {
            for (var look = 0; look < 500; look++) ready.RequestWrite();
        })));
        await Eventually.True(() => read > 0 && ReadyFile.FindObstacle(folder.Path, TimeProvider.System.GetUtcNow()) is null);
        await ending.CancelAsync();
        await Task.WhenAny(running);
        Assert.Equal(1, atOnce);
        Assert.Empty(log.Lines);
    }

    [Fact]
    public async Task A_failed_write_of_the_ready_file_is_logged_and_retried()
    {
        using var folder = new TemporaryFolder();
        var log = new LogLines();
        var ready = new ReadyFile(folder.Path, () => (BaseView.Unknown with { State = BaseState.Up }, false), TimeProvider.System, log);
        var obstacle = Directory.CreateDirectory(folder.Combine("ready.json.new"));   // a write is denied
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        var running = ready.RunAsync(ending.Token);

        ready.RequestWrite();
        await Eventually.True(() => log.Lines.Count > 0 || running.IsCompleted);
        Assert.Contains(nameof(UnauthorizedAccessException), log.Lines[0], StringComparison.Ordinal);
        obstacle.Delete();
        ready.RequestWrite();
        await Eventually.True(() => ReadyFile.FindObstacle(folder.Path, TimeProvider.System.GetUtcNow()) is null);
        await ending.CancelAsync();
        await Task.WhenAny(running);
    }
}
