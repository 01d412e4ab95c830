using System.Net.Sockets;
using System.Runtime.InteropServices;
using ModuleController.Dev.ArkletSimulator;

if (args is ["make-jar", .. var rest]) return MakeJarCommand.Run(rest);

// a JVM's exit codes: 143 after SIGTERM, 130 after SIGINT, and 3 where a module ended it, as with ExitOnOutOfMemoryError
var ended = new TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously);
using var terminated = PosixSignalRegistration.Create(PosixSignal.SIGTERM, c => End(c, 143));
using var interrupted = PosixSignalRegistration.Create(PosixSignal.SIGINT, c => End(c, 130));

try
{
    var options = SimulatorOptions.Parse(args, Environment.GetEnvironmentVariable);
    await using var simulated = await SimulatedBase.StartAsync(options.Base);
    simulated.Died = () => ended.TrySetResult(3);
    await using var admin = options.AdminPort is { } port
        ? new SocketServer(new(options.Base.Address, port), (socket, _, cut) => new AdminEndpoint(simulated).ServeAsync(socket, cut))
        : null;
    admin?.Start();
    Console.WriteLine($"arklet {simulated.Arklet}, web {simulated.Web}" + (admin is null ? "" : $", admin {options.Base.Address}:{admin.Port}"));
    return await ended.Task;
}
catch (FormatException e)
{
    await Console.Error.WriteLineAsync(e.Message + "\n\n" + SimulatorOptions.Usage);
    return 2;
}
catch (SocketException e)
{
    await Console.Error.WriteLineAsync($"can't listen: {e.Message}");
    return 1;
}

void End(PosixSignalContext context, int code)
{
    context.Cancel = true;
    ended.TrySetResult(code);
}
