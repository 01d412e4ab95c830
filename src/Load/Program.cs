using System.Runtime.InteropServices;
using ModuleController.Load;

if (args is ["--help" or "-h", ..])
{
    Console.Out.WriteLine(LoadOptions.Usage);
    return 0;
}

var (options, error) = LoadOptions.Parse(args);
if (options is null)
{
    Console.Error.WriteLine($"load: {error} (--help lists the arguments)");
    return 2;
}

using var ending = new CancellationTokenSource();
using var interrupted = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
using var terminated = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
try
{
    if (options.Kill != KillTarget.None) Console.Error.WriteLine($"seed {options.Seed}");
    var report = await LoadRun.RunAsync(options, Console.Error.WriteLine, ending.Token);
    Console.Out.WriteLine(options.IsJson ? report.Json : report.Text);
    return report.Problems.Count == 0 ? 0 : 1;
}
catch (TimeoutException problem)
{
    Console.Error.WriteLine($"load: {problem.Message}");
    return 1;
}
catch (OperationCanceledException) when (ending.IsCancellationRequested)
{
    return 130;
}

void Stop(PosixSignalContext signal)
{
    signal.Cancel = true;
    ending.Cancel();
}
