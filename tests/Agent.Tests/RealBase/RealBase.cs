using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using ModuleController.Agent.Arklet;

namespace ModuleController.Agent.Tests;

/// <summary>
/// A real base: a JVM with Tomcat and Arklet, from the jar that <c>ARKLET_BASE_JAR</c> names. It keeps its ports over
/// restarts, and it certainly ends with <see cref="DisposeAsync"/>.
/// </summary>
public sealed class RealBase : IAsyncDisposable
{
    private static readonly TimeSpan Timeout = TimeSpan.FromMinutes(5);
    private readonly DirectoryInfo _work = Directory.CreateTempSubdirectory("base-");
    private readonly string[] _flags;
    private readonly Queue<string> _output = [];
    private readonly EventHandler _lastResort;
    private Process? _process;

    private RealBase(string[] flags)
    {
        _flags = flags;
        (ArkletPort, WebPort) = (FreePort(IPAddress.Any), FreePort(IPAddress.Loopback));
        _lastResort = (_, _) => _process?.Kill();
        AppDomain.CurrentDomain.ProcessExit += _lastResort;
    }

    public static bool IsConfigured => BaseJar is not null && ModulesDirectory is not null;

    public static string Host => "127.0.0.1";

    public int ArkletPort { get; }

    public int WebPort { get; }

    public Uri Web => new($"http://{Host}:{WebPort}/");

    public int ProcessId => _process?.Id ?? throw new InvalidOperationException("the JVM is not running");

    private static string? BaseJar => Environment.GetEnvironmentVariable("ARKLET_BASE_JAR") is { Length: > 0 } path ? path : null;

    private static string? ModulesDirectory => Environment.GetEnvironmentVariable("ARKLET_MODULES") is { Length: > 0 } path ? path : null;

    /// <summary>Skips the running test where there is no real base, and says how to get it to run.</summary>
    public static void SkipUnlessConfigured() => Assert.SkipUnless(
        IsConfigured,
        "Needs a real base: set ARKLET_BASE_JAR to its jar and ARKLET_MODULES to the folder of its modules, with java on PATH.");

    /// <summary>The jar of a sample module: <c>orders</c> 1.0.0 is <c>orders-1.0.0.jar</c>.</summary>
    public static string Module(string name, string version) =>
        Path.GetFullPath(
            Path.Combine(ModulesDirectory ?? throw new InvalidOperationException("ARKLET_MODULES is not set"), $"{name}-{version}.jar"));

    /// <summary>
    /// Returns when Arklet answers. <paramref name="flags"/>: more of the JVM's, for example <c>-XX:MaxMetaspaceSize=72m</c>.
    /// </summary>
    public static async Task<RealBase> StartAsync(CancellationToken cancellation, params string[] flags)
    {
        var started = new RealBase(flags);
        try
        {
            await started.StartLifeAsync(cancellation);
            return started;
        }
        catch
        {
            await started.DisposeAsync();
            throw;
        }
    }

    /// <summary>kill -9, and the end of the process.</summary>
    public async Task KillAsync()
    {
        if (_process is null) return;
        _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
        _process = null;
    }

    /// <summary>kill -9 where it still runs, then a new life on the same ports.</summary>
    public async Task RestartAsync(CancellationToken cancellation)
    {
        await KillAsync();
        await StartLifeAsync(cancellation);
    }

    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        AppDomain.CurrentDomain.ProcessExit -= _lastResort;
        _work.Delete(recursive: true);
    }

    private async Task StartLifeAsync(CancellationToken cancellation)
    {
        _process = Process.Start(new ProcessStartInfo("java",
        [
            "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", .. _flags,
            "-Dserver.address=" + Host, $"-Dserver.port={WebPort}", $"-Dkoupleless.arklet.http.port={ArkletPort}",
            "-Dsofa.ark.telnet.server.enable=false", "-Dcom.alipay.sofa.ark.biz.dir=" + _work.FullName, "-jar", Path.GetFullPath(BaseJar!),
        ])
        { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = _work.FullName })!;
        _process.OutputDataReceived += (_, line) => Keep(line.Data);
        _process.ErrorDataReceived += (_, line) => Keep(line.Data);
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
        await UntilReadyAsync(cancellation);
    }

    private async Task UntilReadyAsync(CancellationToken cancellation)
    {
        using var arklet = new ArkletClient(new ArkletOptions(Host, ArkletPort), TimeProvider.System);
        using var http = new HttpClient { BaseAddress = Web };
        var started = TimeProvider.System.GetTimestamp();
        while (await arklet.QueryAllAsync(cancellation) is null || !(await ReadinessAsync(http, cancellation)))
        {
            if (_process!.HasExited || TimeProvider.System.GetElapsedTime(started) > Timeout)
                throw new InvalidOperationException("the base did not come up:\n" + string.Join('\n', Output()));
            await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System, cancellation);
        }
    }

    private static async Task<bool> ReadinessAsync(HttpClient http, CancellationToken cancellation)
    {
        using var answer = await http.GetAsync("actuator/health/readiness", cancellation);
        return answer.IsSuccessStatusCode;
    }

    private string[] Output()
    {
        lock (_output) return [.. _output];
    }

    private void Keep(string? line)
    {
        if (line is null) return;
        lock (_output)
        {
            _output.Enqueue(line);
            if (_output.Count > 100) _output.Dequeue();
        }
    }

    // A JVM binds its ports seconds later; from 32,768 on, any client may have been given them by then (Linux).
    private static int FreePort(IPAddress address)
    {
        while (true)
        {
            using var listener = new TcpListener(address, Random.Shared.Next(10_000, 32_768));
            try
            {
                listener.Start();
                return ((IPEndPoint)listener.LocalEndpoint).Port;
            }
            catch (SocketException)
            {
                // Taken: another one.
            }
        }
    }
}
