namespace ModuleController.Dev.ArkletSimulator;

/// <summary>One life of a base: its registry, its listeners and its running commands. Disposing of it is kill -9.</summary>
internal sealed class BaseLife : IAsyncDisposable
{
    private readonly SimulatedBaseOptions _options;
    private readonly CancellationTokenSource _end = new();
    private readonly ArkletEndpoint _endpoint;
    private readonly SocketServer _web;
    private readonly List<SocketServer> _arklets = [];
    private readonly Lock _gate = new();
    private volatile bool _isReady;

    /// <param name="options">Ports of 0 are any free ones.</param>
    public BaseLife(
        SimulatedBaseOptions options, EventLog log, Func<string, string, BizBehavior> orders, Action exit, PauseGate arkletGate,
        PauseGate webGate)
    {
        _options = options;
        Container = new BizContainer(options, log, orders, exit);
        var health = new BaseHealth(options, Container, options.Time.GetTimestamp());
        _endpoint = new ArkletEndpoint(new ArkletCommands(options, Container, log, health), arkletGate, options.WorkerLoops, _end.Token);
        var web = new WebEndpoint(Container, webGate, () => _isReady);
        _web = new SocketServer(new(options.Address, options.WebPort), (socket, _, cut) => web.ServeAsync(socket, cut));
        try
        {
            _arklets.Add(new SocketServer(new(options.Address, options.ArkletPort), _endpoint.ServeAsync));
        }
        catch
        {
            _web.StopListening();
            throw;
        }

        ArkletPort = _arklets[0].Port;
        _web.Start();
        Starting = StartAsync();
    }

    public BizContainer Container { get; }

    /// <summary>Waits until Arklet listens or the life has ended.</summary>
    public Task Starting { get; }

    public int ArkletPort { get; }

    public int WebPort => _web.Port;

    public void StopAccepting()
    {
        lock (_gate) _arklets[^1].StopListening();
    }

    public void ResumeAccepting()
    {
        lock (_gate)
        {
            if (_arklets[^1].IsListening) return;
            _arklets.Add(new SocketServer(new(_options.Address, ArkletPort), _endpoint.ServeAsync));
            _arklets[^1].Start();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        await Starting.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _web.DisposeAsync();
        foreach (var server in _arklets) await server.DisposeAsync();
        _end.Dispose();
    }

    /// <summary>As in a real base the web's port opens first, then Arklet's, and then readiness is UP.</summary>
    private async Task StartAsync()
    {
        try
        {
            if (_options.StartDelay > TimeSpan.Zero) await Task.Delay(_options.StartDelay, _options.Time, _end.Token);
            _arklets[0].Start();
            _isReady = true;
        }
        catch (OperationCanceledException)
        {
            // killed before it had started
        }
    }
}
