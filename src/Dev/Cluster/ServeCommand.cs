using System.Globalization;
using ModuleController.Dev.Kubelet;

namespace ModuleController.Dev.Cluster;

/// <summary><c>serve</c>: an empty cluster until it is told to end.</summary>
internal static class ServeCommand
{
    public const string Usage = "serve [--port PORT] [--kubeconfig FILE] [--images FILE] [--verbose]";

    public static async Task<int> RunAsync(string[] arguments)
    {
        var values = new Dictionary<string, string>();
        var isVerbose = false;
        for (var at = 0; at < arguments.Length; at++)
        {
            if (arguments[at] == "--verbose") isVerbose = true;
            else if (arguments[at] is "--port" or "--kubeconfig" or "--images" && at + 1 < arguments.Length) values[arguments[at]] = arguments[++at];
            else return Refuse($"unknown or incomplete option {arguments[at]}");
        }

        var port = 0;
        if (values.TryGetValue("--port", out var text) && !int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out port))
            return Refuse($"--port {text} is no number");
        using var signals = new StopSignals();
        using var loggers = LoggerFactory.Create(logging => logging.AddSimpleConsole(console => console.SingleLine = true)
            .SetMinimumLevel(isVerbose ? LogLevel.Information : LogLevel.Warning));
        var images = values.TryGetValue("--images", out var table) ? ImageTable.Parse(await File.ReadAllTextAsync(table)) : new([]);
        await using var cluster = await Cluster.StartAsync(new()
        {
            Server = new() { Port = port },
            Runtime = new ProcessRuntime(images),
            Loggers = loggers,
        });
        if (values.TryGetValue("--kubeconfig", out var path)) await cluster.Server.WriteKubeconfigAsync(path);
        Console.WriteLine($"serving on {cluster.Server.ServerUri}");
        await signals.WaitAsync();
        return 0;
    }

    private static int Refuse(string problem)
    {
        Console.Error.WriteLine($"{problem}\nusage: {Usage}");
        return 2;
    }
}
