using System.Runtime.InteropServices;
using ModuleController.Dev.Load;
using ModuleController.Kube.Client;

if (args is ["--help" or "-h", ..])
{
    await Console.Out.WriteLineAsync(LoadOptions.Usage);
    return 0;
}

var (options, error) = LoadOptions.Parse(args);
if (options is null)
{
    await Console.Error.WriteLineAsync($"load: {error} (--help lists the arguments)");
    return 2;
}

using var ending = new CancellationTokenSource();
using var interrupted = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
using var terminated = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
try
{
    if (options.Kill != KillTarget.None) await Console.Error.WriteLineAsync($"seed {options.Seed}");
    var report = await LoadRun.RunAsync(options, Console.Error.WriteLine, ending.Token);
    await Console.Out.WriteLineAsync(options.IsJson ? report.Json : report.Text);
    return report.Problems.Count == 0 ? 0 : 1;
}
catch (Exception) when (ending.IsCancellationRequested)
{
    return 130;
}
catch (Exception problem) when (problem is TimeoutException or KubeException or HttpRequestException)
{
    await Console.Error.WriteLineAsync($"load: {problem.Message}");
    return 1;
}

// The first signal ends the run, which then cleans up. The second one ends the process and what it started.
void Stop(PosixSignalContext signal)
{
    signal.Cancel = true;
    if (ending.IsCancellationRequested) Environment.Exit(130);
    Console.Error.WriteLine("load: interrupted; once more ends it at once and leaves everything where it is");
    ending.Cancel();
}
