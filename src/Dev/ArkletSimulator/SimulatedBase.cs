using System.Collections.Concurrent;
using System.Net;

namespace ModuleController.Dev.ArkletSimulator;

/// <summary>
/// A base JVM as its neighbours see it: Arklet's port, the web port, and lives that forget everything. Cheap enough for
/// hundreds in one process. Orders and counts outlive the lives.
/// </summary>
public sealed class SimulatedBase : IAsyncDisposable
{
    private readonly SimulatedBaseOptions _options;
    private readonly TextWriter? _log;
    private readonly PauseGate _arkletGate = new();
    private readonly PauseGate _webGate = new();
    private readonly ConcurrentDictionary<string, BizBehavior> _orders = new();
    private readonly List<EventLog> _lives = [];
    private readonly SemaphoreSlim _changing = new(1);
    private readonly TaskCompletionSource _failed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private BaseLife? _life;

    private SimulatedBase(SimulatedBaseOptions options)
    {
        _options = options;
        (ArkletPort, WebPort) = (options.ArkletPort, options.WebPort);
        if (options.LogFile is not null)
            _log = new StreamWriter(new FileStream(options.LogFile, FileMode.Append, FileAccess.Write, FileShare.ReadWrite)) { AutoFlush = true };
    }

    /// <summary>Raised when a module ends the JVM; without a listener the next life begins at once.</summary>
    public Action? Died { get; set; }

    /// <summary>Ends only in an error: why a life that a module ended had no successor, or one never came up.</summary>
    public Task Failed => _failed.Task;

    public IPEndPoint Arklet => new(_options.Address, ArkletPort);

    public Uri Web => new($"http://{new IPEndPoint(_options.Address, WebPort)}/");

    public int ArkletPort { get; private set; }

    public int WebPort { get; private set; }

    /// <summary>Every life so far, the current one last.</summary>
    public IReadOnlyList<LifeStatistics> Statistics
    {
        get { lock (_lives) return [.. _lives.Select(l => l.Read())]; }
    }

    /// <summary>Name and version of all biz of this life, as <c>name:version</c>, with their states.</summary>
    public IReadOnlyDictionary<string, string> Biz =>
        _life?.Container.Read(b => (b.Identity, b.State)).ToDictionary(b => b.Identity, b => b.State) ?? [];

    /// <summary>Both ports are known and open when this returns; with a start delay Arklet's still refuses connections.</summary>
    public static async Task<SimulatedBase> StartAsync(SimulatedBaseOptions options)
    {
        var simulated = new SimulatedBase(options);
        try
        {
            await simulated.StartLifeAsync();
            return simulated;
        }
        catch
        {
            await simulated.DisposeAsync();
            throw;
        }
    }

    /// <summary>How a biz behaves from its next install on; by name, or <c>name:version</c>, which counts more. Null: as the jar says.</summary>
    public void Order(string biz, BizBehavior? behavior)
    {
        if (behavior is null) _orders.TryRemove(biz, out _);
        else _orders[biz] = behavior;
    }

    /// <summary>As kill -9: ports closed, connections cut, everything forgotten. Does nothing to a dead one.</summary>
    public async Task KillAsync()
    {
        await _changing.WaitAsync();
        try
        {
            if (_life is null) return;
            await _life.DisposeAsync();
            _life = null;
        }
        finally
        {
            _changing.Release();
        }
    }

    /// <summary>A new life on the same ports; does nothing to a living one.</summary>
    public async Task StartLifeAsync()
    {
        await _changing.WaitAsync();
        try
        {
            if (_life is not null) return;
            var log = new EventLog(Guid.NewGuid().ToString("N")[..12], _log, _options.Time);
            _life = new BaseLife(_options with { ArkletPort = ArkletPort, WebPort = WebPort }, log, BehaviorOf, Die, _arkletGate, _webGate);
            (ArkletPort, WebPort) = (_life.ArkletPort, _life.WebPort);
            lock (_lives) _lives.Add(log);
            Watch(_life.Starting);
        }
        finally
        {
            _changing.Release();
        }
    }

    public async Task RestartAsync()
    {
        await KillAsync();
        await StartLifeAsync();
    }

    /// <summary>Accepts and never answers, from now on; <paramref name="includingWeb"/>: the whole JVM, as under SIGSTOP.</summary>
    public void Hang(bool includingWeb = false)
    {
        _arkletGate.Shut();
        if (includingWeb) _webGate.Shut();
    }

    /// <summary>Ends a hang: all complete requests that wait are carried out, also those whose clients have gone.</summary>
    public void Resume()
    {
        _arkletGate.Open();
        _webGate.Open();
    }

    /// <summary>Arklet's connections are refused while the life and the web go on.</summary>
    public void StopAccepting() => _life?.StopAccepting();

    public void ResumeAccepting() => _life?.ResumeAccepting();

    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        if (_log is not null) await _log.DisposeAsync();
        _changing.Dispose();
    }

    private BizBehavior BehaviorOf(string name, string version) =>
        _orders.GetValueOrDefault($"{name}:{version}", new()).Over(_orders.GetValueOrDefault(name, new()));

    private void Die()
    {
        if (Died is { } died) died();
        else Watch(Task.Run(RestartAsync));
    }

    private void Watch(Task task) => task.ContinueWith(
        ended => _failed.TrySetException(ended.Exception!.InnerExceptions), CancellationToken.None,
        TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
}
