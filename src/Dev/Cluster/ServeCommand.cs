using System.CommandLine;
using ModuleController.Dev.CommandLine;
using ModuleController.Dev.Kubelet.Runtimes;

namespace ModuleController.Dev.Cluster;

/// <summary><c>serve</c>: an empty cluster until a signal ends it.</summary>
internal static class ServeCommand
{
    public static Command Create()
    {
        var port = OptionRules.Parsed(
            "--port", "PORT", "Port of the API server (any free one)", text => OptionRules.WholeNumber(text, 0, ushort.MaxValue));
        var kubeconfig = new Option<FileInfo>("--kubeconfig")
        {
            HelpName = "FILE",
            Description = "Write an administrator's kubeconfig to this file",
        };
        var images = OptionRules.ExistingFile("--images", "Table of images and the programs that run for them (none)");
        var verbose = new Option<bool>("--verbose") { Description = "Log what the controllers and the kubelet do" };
        var command = new Command("serve", "Runs an empty cluster until Ctrl-C.") { port, kubeconfig, images, verbose };
        command.SetAction((parsed, _) => RunAsync(
            parsed.GetValue(port), parsed.GetValue(kubeconfig), parsed.GetValue(images), parsed.GetValue(verbose)));
        return command;
    }

    private static async Task<int> RunAsync(int port, FileInfo? kubeconfig, FileInfo? images, bool isVerbose)
    {
        using var signals = new StopSignals();
        using var loggers = LoggerFactory.Create(logging => logging.AddSimpleConsole(console => console.SingleLine = true)
            .SetMinimumLevel(isVerbose ? LogLevel.Information : LogLevel.Warning));
        await using var cluster = await Cluster.StartAsync(new()
        {
            Server = new() { Port = port },
            Runtime = new ProcessRuntime(images is null ? new([]) : ImageTable.Parse(await File.ReadAllTextAsync(images.FullName))),
            Loggers = loggers,
        });
        if (kubeconfig is not null) await cluster.Server.WriteKubeconfigAsync(kubeconfig.FullName);
        Console.WriteLine($"serving on {cluster.Server.ServerUri}");
        await signals.WaitAsync();
        return 0;
    }
}
