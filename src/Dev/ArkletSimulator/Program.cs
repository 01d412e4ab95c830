using System.Net.Sockets;
using System.Runtime.InteropServices;
using ModuleController.Dev.ArkletSimulator;
using ModuleController.Dev.CommandLine;

// The exit codes of a JVM; CrashExitCode is that of ExitOnOutOfMemoryError.
const int TerminatedExitCode = 143;
const int InterruptedExitCode = 130;
const int CrashExitCode = 3;

return await CommandLineProgram.InvokeAsync(SimulatorCommand.Create(Environment.GetEnvironmentVariable, RunAsync), args);

static async Task<int> RunAsync(SimulatorOptions options)
{
    var ended = new TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously);
    using var terminated = PosixSignalRegistration.Create(PosixSignal.SIGTERM, signal => End(signal, TerminatedExitCode));
    using var interrupted = PosixSignalRegistration.Create(PosixSignal.SIGINT, signal => End(signal, InterruptedExitCode));
    try
    {
        await using var simulated = await SimulatedBase.StartAsync(options.Base);
        simulated.Exited = () => ended.TrySetResult(CrashExitCode);
        await using var admin = options.AdminPort is { } port
            ? new SocketServer(new(options.Base.Address, port), (socket, _, cut) => new AdminEndpoint(simulated).ServeAsync(socket, cut))
            : null;
        admin?.Start();
        Console.WriteLine(
            $"arklet {simulated.Arklet}, web {simulated.Web}" + (admin is null ? "" : $", admin {options.Base.Address}:{admin.Port}"));
        return await ended.Task;
    }
    catch (SocketException problem)
    {
        await Console.Error.WriteLineAsync($"failed to listen: {problem.Message}");
        return 1;
    }

    void End(PosixSignalContext context, int code)
    {
        context.Cancel = true;
        ended.TrySetResult(code);
    }
}
