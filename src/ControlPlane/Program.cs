using System.Runtime.InteropServices;
using ModuleController.ControlPlane;
using ModuleController.ControlPlane.Settings;
using ModuleController.Core.Meta;
using ModuleController.Kube.Hosting;

return await CommandLine.InvokeAsync(args, Environment.GetEnvironmentVariable, RunAsync);

static async Task<int> RunAsync(ControlPlaneOptions options)
{
    var stop = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
    using var terminated = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
    using var interrupted = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
    try
    {
        await using var host = await ControlPlaneHost.StartAsync(options, new() { Logging = LogToConsole });
        await Console.Out.WriteLineAsync($"modulecontroller listens on {host.HttpAddress} and, for agents, on {host.AgentAddress}");
        await Task.WhenAny(stop.Task, host.Completion);
        await host.StopAsync();
        return 0;
    }
    catch (LeadershipLostException)
    {
        await Console.Error.WriteLineAsync("modulecontroller: the lease is lost, another process may lead by now");
        return 1;
    }
    catch (Exception exception)
    {
        await Console.Error.WriteLineAsync($"modulecontroller: {ExceptionText.Of(exception)}");
        return 1;
    }

    void Stop(PosixSignalContext signal)
    {
        // The process ends in order; the default would end it at once.
        signal.Cancel = true;
        stop.TrySetResult();
    }
}

static void LogToConsole(ILoggingBuilder logging) => logging
    .AddSimpleConsole(console =>
    {
        console.SingleLine = true;
        console.UseUtcTimestamp = true;
        console.TimestampFormat = "yyyy-MM-dd'T'HH:mm:ss.fff'Z' ";
    })
    .SetMinimumLevel(LogLevel.Information)
    .AddFilter("Microsoft", LogLevel.Warning)
    .AddFilter("Grpc", LogLevel.Warning);
