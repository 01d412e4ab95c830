using System.Diagnostics;
using System.Globalization;

namespace ModuleController.Agent.Tests.EndToEnd;

/// <summary>
/// The agent as a process of its own. <c>AGENT_EXECUTABLE</c> names another build of it, the native one for example.
/// </summary>
public sealed class AgentProcess : IAsyncDisposable
{
    private readonly List<string> _output = [];
    private readonly EventHandler _lastResort;
    private readonly Process _process;

    private AgentProcess(IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null)
    {
        var start = StartInfo(arguments);
        foreach (var (name, value) in environment ?? new Dictionary<string, string>()) start.Environment[name] = value;
        _process = Process.Start(start)!;
        _process.OutputDataReceived += (_, line) => Keep(line.Data);
        _process.ErrorDataReceived += (_, line) => Keep(line.Data);
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
        _lastResort = (_, _) => _process.Kill();
        AppDomain.CurrentDomain.ProcessExit += _lastResort;
    }

    public bool HasExited => _process.HasExited;

    public int Id => _process.Id;

    public Task Exited => _process.WaitForExitAsync();

    public string Output
    {
        get { lock (_output) return string.Join('\n', _output); }
    }

    public static AgentProcess Start(Uri controller, string arkletHost, int arkletPort, string stateDir, params string[] more) =>
        Start(controller, arkletHost, arkletPort, stateDir, new Dictionary<string, string>(), more);

    public static AgentProcess Start(
        Uri controller, string arkletHost, int arkletPort, string stateDir, IReadOnlyDictionary<string, string> environment,
        params string[] more) => new(
    [
        $"--controller-address={controller}", "--pod-namespace=shop", "--pod-name=base-0", "--pod-uid=pod-uid-0",
        $"--arklet-host={arkletHost}", string.Create(CultureInfo.InvariantCulture, $"--arklet-port={arkletPort}"),
        $"--state-dir={stateDir}", "--health-interval=1s", .. more,
    ], environment);

    /// <summary>Runs it to its end, for the probe and for bad options.</summary>
    public static async Task<(int Code, string Output)> RunAsync(params string[] arguments)
    {
        using var process = Process.Start(StartInfo(arguments))!;
        var output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        var errors = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (process.ExitCode, await output + await errors);
    }

    /// <summary>kill -9.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
    }

    /// <summary>SIGTERM, and the exit code.</summary>
    public async Task<int> StopAsync()
    {
        using (var kill = Process.Start("kill", ["-TERM", _process.Id.ToString(CultureInfo.InvariantCulture)]))
            await kill.WaitForExitAsync();
        await _process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return _process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        AppDomain.CurrentDomain.ProcessExit -= _lastResort;
        if (!_process.HasExited) await KillAsync();
        TestContext.Current.TestOutputHelper?.WriteLine(Output);
        _process.Dispose();
    }

    private static ProcessStartInfo StartInfo(IEnumerable<string> arguments)
    {
        var native = Environment.GetEnvironmentVariable("AGENT_EXECUTABLE");
        return new ProcessStartInfo(
            string.IsNullOrEmpty(native) ? "dotnet" : native, string.IsNullOrEmpty(native) ? [OrdinaryBuild(), .. arguments] : arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
    }

    /// <summary>From the agent's own output folder: beside the tests it would lack what the web framework has for them.</summary>
    private static string OrdinaryBuild()
    {
        var tests = new DirectoryInfo(AppContext.BaseDirectory.TrimEnd(Path.DirectorySeparatorChar));
        return Path.Combine(tests.Parent!.Parent!.FullName, "Agent", tests.Name, "ModuleController.Agent.dll");
    }

    private void Keep(string? line)
    {
        if (line is null) return;
        lock (_output) _output.Add(line);
    }
}
