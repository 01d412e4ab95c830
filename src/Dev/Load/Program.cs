using System.Runtime.InteropServices;
using ModuleController.Dev.CommandLine;
using ModuleController.Dev.Load;
using ModuleController.Dev.Load.Scenarios;
using ModuleController.Kube.Client;

const int Interrupted = 130;

return await CommandLineProgram.InvokeAsync(LoadCommand.Create(RunAsync), args);

static async Task<int> RunAsync(LoadOptions options)
{
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
        return Interrupted;
    }
    catch (Exception problem) when (problem is TimeoutException or KubeException or HttpRequestException)
    {
        await Console.Error.WriteLineAsync($"load: {problem.Message}");
        return 1;
    }

    // The first signal ends the run, which cleans up. The second one ends the process and what it started.
    void Stop(PosixSignalContext signal)
    {
        signal.Cancel = true;
        if (ending.IsCancellationRequested) Environment.Exit(Interrupted);
        Console.Error.WriteLine("load: interrupted, cleaning up; a second signal ends the process at once and leaves everything in place");
        ending.Cancel();
    }
}
