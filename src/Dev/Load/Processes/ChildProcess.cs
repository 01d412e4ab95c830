using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace ModuleController.Dev.Load.Processes;

/// <summary>A program as a child process: its output, its resources and its end.</summary>
public sealed class ChildProcess : IAsyncDisposable
{
    private const int KeptLines = 400;

    private readonly Lock _lock = new();
    private readonly Process _process;
    private readonly Queue<string> _output = new();
    private readonly Action<string>? _line;
    private readonly EventHandler _lastResort;
    private readonly TaskCompletionSource<string> _said = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly string? _awaited;
    private bool _isDisposed;

    private ChildProcess(string program, IReadOnlyList<string> arguments, string? awaited, Action<string>? line)
    {
        (_awaited, _line) = (awaited, line);
        var isManaged = program.EndsWith(".dll", StringComparison.Ordinal);
        var start = new ProcessStartInfo(isManaged ? "dotnet" : program, isManaged ? [program, .. arguments] : arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        _process = Process.Start(start) ?? throw new InvalidOperationException($"{program} could not be started");
        Id = _process.Id;
        _process.OutputDataReceived += (_, line) => Keep(line.Data);
        _process.ErrorDataReceived += (_, line) => Keep(line.Data);
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
        Exited = WaitAsync();
        _lastResort = (_, _) => Kill();
        AppDomain.CurrentDomain.ProcessExit += _lastResort;
    }

    public int Id { get; }

    /// <summary>The exit code; 137 after a kill.</summary>
    public Task<int> Exited { get; }

    public string Output
    {
        get { lock (_output) return string.Join('\n', _output); }
    }

    /// <summary>Seconds of processor time, in user and kernel mode.</summary>
    public double CpuSeconds
    {
        get
        {
            // The name is in parentheses and may contain spaces. The third field follows it.
            var stat = File.ReadAllText($"/proc/{Id}/stat");
            var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            return (long.Parse(fields[11], CultureInfo.InvariantCulture) + long.Parse(fields[12], CultureInfo.InvariantCulture)) / 100.0;
        }
    }

    /// <summary>Resident memory now and at its highest, in MB.</summary>
    public (double Now, double Peak) ResidentMegabytes
    {
        get
        {
            var lines = File.ReadAllLines($"/proc/{Id}/status");
            return (Of("VmRSS:"), Of("VmHWM:"));

            double Of(string name) => long.Parse(
                lines.First(line => line.StartsWith(name, StringComparison.Ordinal))[name.Length..]
                    .Replace("kB", "", StringComparison.Ordinal).Trim(),
                CultureInfo.InvariantCulture) / 1024.0;
        }
    }

    /// <summary>Starts a program, or a <c>.dll</c> by <c>dotnet</c>, and returns without waiting.</summary>
    public static ChildProcess Start(string program, IReadOnlyList<string> arguments, Action<string>? line = null) =>
        new(program, arguments, null, line);

    /// <summary>Starts it and waits for a line that contains <paramref name="awaited"/>, which is returned too.</summary>
    public static async Task<(ChildProcess Process, string Line)> StartAsync(
        string program, IReadOnlyList<string> arguments, string awaited, Action<string>? line, CancellationToken cancellation)
    {
        var child = new ChildProcess(program, arguments, awaited, line);
        try
        {
            var first = await Task.WhenAny(child._said.Task, child.Exited).WaitAsync(
                TimeSpan.FromMinutes(1), TimeProvider.System, cancellation);
            if (first == child._said.Task) return (child, await child._said.Task);
            throw new InvalidOperationException($"{program} ended with code {await child.Exited}: {child.Output}");
        }
        catch
        {
            await child.DisposeAsync();
            throw;
        }
    }

    /// <summary>kill -9; false if it had already ended.</summary>
    public bool Kill()
    {
        lock (_lock)
        {
            if (_isDisposed || _process.HasExited) return false;
            _process.Kill();
            return true;
        }
    }

    /// <summary>SIGTERM, and after ten seconds SIGKILL.</summary>
    public async Task StopAsync()
    {
        lock (_lock)
            if (!_isDisposed && !_process.HasExited) _ = SendSignal(Id, 15);
        try
        {
            await Exited.WaitAsync(TimeSpan.FromSeconds(10), TimeProvider.System);
        }
        catch (TimeoutException)
        {
            Kill();
            await Exited;
        }
    }

    public async ValueTask DisposeAsync()
    {
        Kill();
        await Exited;
        AppDomain.CurrentDomain.ProcessExit -= _lastResort;
        lock (_lock)
        {
            _isDisposed = true;
            _process.Dispose();
        }
    }

    private async Task<int> WaitAsync()
    {
        await _process.WaitForExitAsync();
        return _process.ExitCode;
    }

    private void Keep(string? line)
    {
        if (line is null) return;
        lock (_output)
        {
            _output.Enqueue(line);
            if (_output.Count > KeptLines) _output.Dequeue();
        }

        _line?.Invoke(line);
        if (_awaited is not null && line.Contains(_awaited, StringComparison.Ordinal)) _said.TrySetResult(line);
    }

    [DllImport("libc", EntryPoint = "kill")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int SendSignal(int pid, int signal);
}
