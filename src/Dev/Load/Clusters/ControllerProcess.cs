using System.Globalization;
using System.Text.RegularExpressions;
using ModuleController.Dev.Load.Measuring;
using ModuleController.Dev.Load.Processes;

namespace ModuleController.Dev.Load.Clusters;

/// <summary>The controller as a process that is restarted on the same ports whenever it ends.</summary>
public sealed partial class ControllerProcess : IAsyncDisposable
{
    private static readonly TimeSpan Quiet = TimeSpan.FromSeconds(1.5);

    private readonly string _program;
    private readonly IReadOnlyList<string> _arguments;
    private readonly Action<string>? _log;
    private readonly CancellationTokenSource _stop = new();
    private readonly HttpClient _http = new();
    private volatile ChildProcess _process;
    private volatile int _killed;
    private Task _keeping = Task.CompletedTask;

    private ControllerProcess(
        ChildProcess process, string program, IReadOnlyList<string> arguments, Uri http, Uri agents, Action<string>? log)
    {
        (_process, _program, _arguments, _log, Http, Agents) = (process, program, arguments, log, http, agents);
    }

    public Uri Http { get; }

    /// <summary>The address for agents, the same after each start.</summary>
    public Uri Agents { get; }

    /// <summary>How often it ended because it could not renew its Lease, as designed.</summary>
    public int LostLeases { get; private set; }

    /// <summary>Ends without a kill, each with the last lines of output.</summary>
    public List<string> Crashes { get; } = [];

    public ChildProcess Process => _process;

    /// <param name="arguments">All but the ports.</param>
    public static async Task<ControllerProcess> StartAsync(
        string program, IReadOnlyList<string> arguments, Action<string>? log, CancellationToken cancellation)
    {
        var (process, line) = await ChildProcess.StartAsync(
            program, [.. arguments, "--http-port", "0", "--grpc-port", "0"], "listens on", log, cancellation);
        var addresses = Address().Matches(line).Select(match => new Uri(match.Value)).ToList();
        var (http, agents) = (addresses[0], addresses[1]);
        var controller = new ControllerProcess(
            process, program, [.. arguments, "--http-port", Port(http), "--grpc-port", Port(agents)], http, agents, log);
        controller._keeping = controller.KeepAsync();
        return controller;
    }

    /// <summary>kill -9, followed by a restart. False if no process was running.</summary>
    public bool Kill()
    {
        var process = _process;
        _killed = process.Id;
        return process.Kill();
    }

    /// <summary>SIGTERM, followed by a restart. Returns when the process has ended.</summary>
    public Task StopProcessAsync()
    {
        var process = _process;
        _killed = process.Id;
        return process.StopAsync();
    }

    /// <summary>Its counters, from <c>/metrics</c>.</summary>
    public async Task<ControllerMetrics> MetricsAsync(CancellationToken cancellation) =>
        ControllerMetrics.Parse(await _http.GetStringAsync(new Uri(Http, "/metrics"), cancellation));

    /// <summary>Its counters, once they no longer change.</summary>
    public async Task<ControllerMetrics> SettledMetricsAsync(CancellationToken cancellation)
    {
        var last = await MetricsAsync(cancellation);
        while (true)
        {
            await Task.Delay(Quiet, TimeProvider.System, cancellation);
            var next = await MetricsAsync(cancellation);
            if (next.All == last.All) return next;
            last = next;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _keeping;
        await _process.StopAsync();
        await _process.DisposeAsync();
        _http.Dispose();
        _stop.Dispose();
    }

    private async Task KeepAsync()
    {
        try
        {
            while (true)
            {
                var code = await _process.Exited.WaitAsync(_stop.Token);
                var ended = _process;
                if (code == 1 && ended.Output.Contains("the lease is lost", StringComparison.Ordinal)) LostLeases++;
                else if (ended.Id != _killed) lock (Crashes) Crashes.Add($"the controller ended with code {code}: {ended.Output}");
                _process = ChildProcess.Start(_program, _arguments, _log);
                await ended.DisposeAsync();
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // The run has ended.
        }
    }

    private static string Port(Uri address) => address.Port.ToString(CultureInfo.InvariantCulture);

    [GeneratedRegex(@"https?://[\d.]+:\d+")]
    private static partial Regex Address();
}
