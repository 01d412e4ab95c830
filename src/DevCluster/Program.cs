using System.Runtime.InteropServices;
using ModuleController.DevCluster;
using ModuleController.DevCluster.Kubelet;

if (args is not ["serve", .. var options])
{
    await Console.Error.WriteLineAsync("usage: serve [--port PORT] [--kubeconfig FILE] [--images FILE] [--verbose]");
    return 2;
}

string? Option(string name) => Array.IndexOf(options, name) is var at and >= 0 && at + 1 < options.Length ? options[at + 1] : null;

using var loggers = LoggerFactory.Create(logging => logging.AddConsole()
    .SetMinimumLevel(options.Contains("--verbose") ? LogLevel.Information : LogLevel.Warning));
var port = int.TryParse(Option("--port"), out var number) ? number : 0;
var images = Option("--images") is { } table ? ImageTable.Parse(await File.ReadAllTextAsync(table)) : new ImageTable([]);
await using var cluster = await Cluster.StartAsync(new()
{
    Server = new() { Port = port },
    Runtime = new ProcessRuntime(images),
    Loggers = loggers,
});
if (Option("--kubeconfig") is { } path) await cluster.Server.WriteKubeconfigAsync(path);
Console.WriteLine($"serving on {cluster.Server.ServerUri}");
var stopped = new TaskCompletionSource();
using var interrupted = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
using var terminated = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
await stopped.Task;
return 0;

void Stop(PosixSignalContext signal)
{
    signal.Cancel = true;
    stopped.TrySetResult();
}
