using Microsoft.Extensions.Logging.Abstractions;
using ModuleController.Dev.Kubelet;

namespace ModuleController.Dev.Cluster.Demo;

/// <summary><c>demo</c>: the whole product on this machine, from an empty cluster to modules that survive the loss of a JVM.</summary>
internal static class DemoCommand
{
    private const int Interrupted = 130;

    public static async Task<int> RunAsync(string[] arguments)
    {
        try
        {
            var options = DemoOptions.Parse(arguments);
            using var signals = new StopSignals();
            using var files = new DemoFiles();
            return await RunAsync(options, files, signals);
        }
        catch (FormatException problem)
        {
            await Console.Error.WriteLineAsync($"{problem.Message}\nusage: {DemoOptions.Usage}");
            return 2;
        }
        catch (DemoException problem)
        {
            await Console.Error.WriteLineAsync(problem.Message);
            return 1;
        }
    }

    private static async Task<int> RunAsync(DemoOptions options, DemoFiles files, StopSignals signals)
    {
        var time = TimeProvider.System;
        var terminal = new DemoTerminal(time);
        terminal.Title($"ModuleController demo: modules on three base pods, each with an agent and {(options.BaseJar is null ? "a simulated Arklet" : "a real JVM")}");
        terminal.Text("");
        using var loggers = options.IsVerbose
            ? LoggerFactory.Create(logging => logging.AddSimpleConsole(console => console.SingleLine = true).SetMinimumLevel(LogLevel.Information)) : null;
        var images = ImageTable.Parse(await File.ReadAllTextAsync(Path.Combine(files.Deploy, "demo", "images.yaml")));
        await using var cluster = await Cluster.StartAsync(
            new()
            {
                Runtime = new ProcessRuntime(images, files.Variables(options.BaseJar)),
                Directory = files.Pods,
                Loggers = loggers ?? (ILoggerFactory)NullLoggerFactory.Instance,
            },
            signals.Token);
        await cluster.Server.WriteKubeconfigAsync(files.Kubeconfig, signals.Token);
        terminal.Line("the cluster answers", $"{cluster.Server.ServerUri.GetLeftPart(UriPartial.Authority)}, a Kubernetes API inside this process");

        using var story = new DemoStory(options, files, cluster.Server, terminal, time);
        var exitCode = await TellAsync(story, options, terminal, signals);
        if (options.IsOnce || exitCode == Interrupted) return exitCode;
        terminal.Text($"""

            The cluster stays up until Ctrl-C. In another terminal:

              export KUBECONFIG={files.Kubeconfig}
              kubectl get mddeploy,mdrs,md -o wide
              kubectl scale mddeploy shop --replicas 2
              kubectl describe mddeploy shop
            """);
        await signals.WaitAsync();
        terminal.Text("\nending all processes …");
        return exitCode;
    }

    private static async Task<int> TellAsync(DemoStory story, DemoOptions options, DemoTerminal terminal, StopSignals signals)
    {
        using var timeout = new CancellationTokenSource(options.Timeout);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, signals.Token);
        try
        {
            await story.TellAsync(either.Token);
            terminal.Text("");
            terminal.Good("that was everything, and it worked");
            return 0;
        }
        catch (OperationCanceledException) when (signals.Token.IsCancellationRequested)
        {
            return Interrupted;
        }
        catch (Exception problem) when (problem is DemoException or HttpRequestException or OperationCanceledException)
        {
            terminal.Bad(problem is OperationCanceledException ? $"not within {options.Timeout.TotalSeconds:0} s: {story.WaitsFor}" : problem.Message);
            terminal.Text(await story.DiagnoseAsync());
            return 1;
        }
    }
}
