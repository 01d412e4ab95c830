using System.Text.Json.Nodes;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Dev.Load;
using ModuleController.Dev.Load.Measuring;
using ModuleController.Dev.Load.Scenarios;

namespace ModuleController.SystemTests.Load;

/// <summary>Load runs and test worlds on a cluster that is not their own, and what they leave there.</summary>
public abstract class OtherClusterTests : IAsyncLifetime
{
    protected static LoadOptions Options { get; } = new() { Bases = 3, Runs = 1, Timeout = TimeSpan.FromMinutes(2) };

    protected static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>What the cluster contained before the test.</summary>
    protected IReadOnlyList<string> Before { get; private set; } = [];

    private protected OtherCluster Cluster { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Cluster = await OtherCluster.StartAsync();
        Before = await Cluster.ContentAsync();
    }

    public ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        return Cluster.DisposeAsync();
    }

    /// <param name="progress">May throw: that is how a run fails in the middle.</param>
    protected Task<LoadReport> RunAsync(LoadOptions options, Action<string>? progress = null)
    {
        var output = TestContext.Current.TestOutputHelper!;
        return LoadRun.RunAsync(
            options with { Kubeconfig = Cluster.Kubeconfig },
            line =>
            {
                output.WriteLine(line);
                progress?.Invoke(line);
            },
            Cancellation);
    }

    /// <summary>A run that fails at the first line of its progress that begins so.</summary>
    /// <returns>The lines of its progress.</returns>
    protected async Task<IReadOnlyList<string>> FailAsync(LoadOptions options, string at, Func<Task>? first = null)
    {
        var lines = new List<string>();
        await Assert.ThrowsAsync<PlannedFailureException>(() => RunAsync(options, line =>
        {
            lines.Add(line);
            if (!line.StartsWith(at, StringComparison.Ordinal)) return;
            first?.Invoke().Wait(Cancellation);
            throw new PlannedFailureException();
        }));
        return lines;
    }

    /// <summary>Gives each Module a finalizer that nobody removes.</summary>
    protected async Task HoldModulesAsync()
    {
        foreach (var module in await Cluster.Client.ListAllAsync<Module>())
        {
            JsonArray finalizers = [.. module.Metadata.Finalizers, "example.com/held"];
            await Cluster.Client.PatchAsync<Module>(
                ObjectKey.Of(module.Metadata), new() { ["metadata"] = new JsonObject { ["finalizers"] = finalizers } }, new("test"),
                Cancellation);
        }
    }

    private sealed class PlannedFailureException : Exception;
}
