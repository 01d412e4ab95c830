using Microsoft.Extensions.Logging.Abstractions;
using ModuleController.Dev.Kubelet.Runtimes;

namespace ModuleController.Dev.Cluster.Demo;

/// <summary>One run of the demo: starts the cluster, runs the steps, and waits for Ctrl-C.</summary>
internal static class DemoRun
{
    private const int Failed = 1;
    private const int Interrupted = 130;

    public static async Task<int> RunAsync(DemoOptions options)
    {
        try
        {
            using var signals = new StopSignals();
            using var files = new DemoFiles();
            return await RunAsync(options, files, signals);
        }
        catch (DemoException problem)
        {
            await Console.Error.WriteLineAsync(problem.Message);
            return Failed;
        }
    }

    private static async Task<int> RunAsync(DemoOptions options, DemoFiles files, StopSignals signals)
    {
        var terminal = DemoTerminal.OfConsole(TimeProvider.System);
        var bases = options.BaseJar is null ? "a simulated Arklet" : "a real JVM";
        terminal.Title($"ModuleController demo: modules on three base pods, each with an agent and {bases}");
        using var loggers = options.IsVerbose ? LoggerFactory.Create(
            logging => logging.AddSimpleConsole(console => console.SingleLine = true).SetMinimumLevel(LogLevel.Information)) : null;
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
        terminal.Line("cluster started", $"{cluster.Server.ServerUri.GetLeftPart(UriPartial.Authority)}, a Kubernetes API in this process");

        using var story = new DemoStory(options, files, cluster.Server, terminal, TimeProvider.System);
        var exitCode = await RunAsync(story, options, terminal, signals);
        if (options.IsOnce || exitCode == Interrupted) return exitCode;
        terminal.Text($"""

            The cluster runs until Ctrl-C. In another terminal:

              export KUBECONFIG={files.Kubeconfig}
              kubectl get mddeploy,mdrs,md -o wide
              kubectl scale mddeploy shop --replicas 2
              kubectl describe mddeploy shop
            """);
        await signals.WaitAsync();
        terminal.Text("\nStopping all processes …");
        return exitCode;
    }

    private static async Task<int> RunAsync(DemoStory story, DemoOptions options, DemoTerminal terminal, StopSignals signals)
    {
        using var timeout = new CancellationTokenSource(options.Timeout);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, signals.Token);
        try
        {
            await story.RunAsync(either.Token);
            terminal.Text("");
            terminal.Good("every step succeeded");
            return 0;
        }
        catch (OperationCanceledException) when (signals.Token.IsCancellationRequested)
        {
            return Interrupted;
        }
        catch (Exception problem) when (problem is DemoException or HttpRequestException or OperationCanceledException)
        {
            terminal.Bad(problem is OperationCanceledException
                ? $"not within {options.Timeout.TotalSeconds:0} s: {terminal.Awaited}" : problem.Message);
            terminal.Text(await story.DiagnoseAsync());
            return Failed;
        }
    }
}
