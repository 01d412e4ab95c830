using System.Collections.Concurrent;
using System.Net;

namespace ModuleController.Dev.ArkletSimulator;

/// <summary>
/// A base JVM as seen from outside: Arklet's port, the web port, and lives without memory of each other. Cheap enough for
/// hundreds in one process. Behaviors and counters are kept across lives.
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
            _log = new StreamWriter(new FileStream(options.LogFile, FileMode.Append, FileAccess.Write, FileShare.ReadWrite))
            {
                AutoFlush = true,
            };
    }

    /// <summary>Called when a module ends the JVM. Without a handler the next life begins immediately.</summary>
    public Action? Exited { get; set; }

    /// <summary>Completes only with an error: why no next life started.</summary>
    public Task Failed => _failed.Task;

    public IPEndPoint Arklet => new(_options.Address, ArkletPort);

    public Uri Web => new($"http://{new IPEndPoint(_options.Address, WebPort)}/");

    public int ArkletPort { get; private set; }

    public int WebPort { get; private set; }

    /// <summary>The counters of all lives, the current one last.</summary>
    public IReadOnlyList<LifeStatistics> Statistics
    {
        get { lock (_lives) return [.. _lives.Select(l => l.Read())]; }
    }

    /// <summary>Name and version of all biz of this life, as <c>name:version</c>, with their states.</summary>
    public IReadOnlyDictionary<string, string> Biz =>
        _life?.Container.Read(b => (b.Identity, b.State)).ToDictionary(b => b.Identity, b => b.State) ?? [];

    /// <summary>Returns when both ports are bound. With a start delay Arklet's port still refuses connections.</summary>
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

    /// <summary>
    /// Sets how a biz behaves from its next install on, by name or, with precedence, <c>name:version</c>. Null: as in its jar.
    /// </summary>
    public void Order(string biz, BizBehavior? behavior)
    {
        if (behavior is null) _orders.TryRemove(biz, out _);
        else _orders[biz] = behavior;
    }

    /// <summary>Ends the life like kill -9: ports closed, connections cut. Does nothing if it has ended.</summary>
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

    /// <summary>Begins a new life on the same ports. Does nothing if one is running.</summary>
    public async Task StartLifeAsync()
    {
        await _changing.WaitAsync();
        try
        {
            if (_life is not null) return;
            var log = new EventLog(Guid.NewGuid().ToString("N")[..12], _log, _options.Time);
            var options = _options with { ArkletPort = ArkletPort, WebPort = WebPort };
            _life = new BaseLife(options, log, BehaviorOf, Exit, _arkletGate, _webGate);
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

    /// <summary>
    /// Accepts connections and does not answer from now on; <paramref name="includingWeb"/>: the whole JVM, like SIGSTOP.
    /// </summary>
    public void Hang(bool includingWeb = false)
    {
        _arkletGate.Close();
        if (includingWeb) _webGate.Close();
    }

    /// <summary>Ends a hang: all complete requests are carried out, also those of clients that have disconnected.</summary>
    public void Resume()
    {
        _arkletGate.Open();
        _webGate.Open();
    }

    /// <summary>Refuses connections to Arklet while the life and the web continue.</summary>
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

    private void Exit()
    {
        if (Exited is { } exited) exited();
        else Watch(Task.Run(RestartAsync));
    }

    private void Watch(Task task) => task.ContinueWith(
        ended => _failed.TrySetException(ended.Exception!.InnerExceptions), CancellationToken.None,
        TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
}
