using ModuleController.DevCluster;

if (args is not ["serve", .. var options])
{
    await Console.Error.WriteLineAsync("usage: serve [--port PORT] [--kubeconfig FILE]");
    return 2;
}

string? Option(string name) => Array.IndexOf(options, name) is var at and >= 0 && at + 1 < options.Length ? options[at + 1] : null;

var port = int.TryParse(Option("--port"), out var number) ? number : 0;
await using var cluster = await DevClusterHost.StartAsync(new() { Port = port, Logging = logging => logging.AddConsole().SetMinimumLevel(LogLevel.Warning) });
if (Option("--kubeconfig") is { } path) await cluster.WriteKubeconfigAsync(path);
Console.WriteLine($"serving on {cluster.ServerUri}");
var stopped = new TaskCompletionSource();
using var interrupted = System.Runtime.InteropServices.PosixSignalRegistration.Create(System.Runtime.InteropServices.PosixSignal.SIGINT, signal =>
{
    signal.Cancel = true;
    stopped.TrySetResult();
});
await stopped.Task;
return 0;
