using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using ModuleController.Agent;

if (args is ["--help" or "-h" or "help", ..])
{
    Console.Out.WriteLine(AgentOptions.Usage);
    return 0;
}

if (args is ["--version"])
{
    Console.Out.WriteLine(AgentRuntime.Version);
    return 0;
}

var isProbe = args is ["ready", ..];
var (options, errors) = AgentOptions.Parse(isProbe ? args[1..] : args, Environment.GetEnvironmentVariable, isProbe);
foreach (var error in errors) Console.Error.WriteLine(error);
if (errors.Count > 0) return 2;

if (isProbe)
{
    if (ReadyFile.FindObstacle(options.StateDir, TimeProvider.System.GetUtcNow()) is not { } obstacle) return 0;
    Console.Error.WriteLine(obstacle);
    return 1;
}

using var logs = LoggerFactory.Create(logging => logging.AddSimpleConsole(console =>
{
    console.SingleLine = true;
    console.UseUtcTimestamp = true;
    console.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ ";
}));
using var ending = new CancellationTokenSource();
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
try
{
    return await AgentRuntime.RunAsync(options, logs, ending.Token);
}
catch (Exception e) when (e is IOException or UnauthorizedAccessException)
{
    // The state folder: missing, read-only, or another agent's.
    Console.Error.WriteLine($"STATE_DIR: {e.Message}");
    return 1;
}

void Stop(PosixSignalContext context)
{
    context.Cancel = true;
    ending.Cancel();
}
