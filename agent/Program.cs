using System.Runtime.InteropServices;
using ModuleController.Agent;

NativeHeap.UseOneArena();
if (args is ["--help" or "-h" or "help", ..])
{
    await Console.Out.WriteLineAsync(AgentOptions.Usage);
    return 0;
}

if (args is ["--version"])
{
    await Console.Out.WriteLineAsync(AgentRuntime.Version);
    return 0;
}

var isProbe = args is ["ready", ..];
var (options, errors) = AgentOptions.Parse(isProbe ? args[1..] : args, Environment.GetEnvironmentVariable, isProbe);
foreach (var error in errors) await Console.Error.WriteLineAsync(error);
if (errors.Count > 0) return 2;

if (isProbe)
{
    if (ReadyFile.FindObstacle(options.StateDir, TimeProvider.System.GetUtcNow()) is not { } obstacle) return 0;
    await Console.Error.WriteLineAsync(obstacle);
    return 1;
}

using var logs = new ConsoleLogs(TimeProvider.System);
using var ending = new CancellationTokenSource();
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
try
{
    return await AgentRuntime.RunAsync(options, logs, ending.Token);
}
catch (Exception e) when (e is IOException or UnauthorizedAccessException)
{
    // The state folder is missing, read-only or used by another agent.
    await Console.Error.WriteLineAsync($"STATE_DIR: {e.Message}");
    return 1;
}

void Stop(PosixSignalContext context)
{
    context.Cancel = true;
    ending.Cancel();
}
