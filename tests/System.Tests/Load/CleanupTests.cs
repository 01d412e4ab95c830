using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Kube;
using ModuleController.Load;
using ModuleController.SystemTests.Harness;

namespace ModuleController.SystemTests.Load;

/// <summary>What load runs and test worlds leave on a cluster that is not their own: nothing.</summary>
public sealed class CleanupTests : IAsyncLifetime
{
    private OtherCluster _cluster = null!;
    private IReadOnlyList<string> _before = [];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _cluster = await OtherCluster.StartAsync();
        _before = await _cluster.ContentAsync();
    }

    public ValueTask DisposeAsync() => _cluster.DisposeAsync();

    [Fact]
    public async Task A_load_run_leaves_nothing()
    {
        var report = await RunAsync(Options);
        Assert.Empty(report.Problems);
        Assert.Equal((1, 1), (report.Installs!.CompletedAfterAvailable.Count, report.Installs.WatchGaps.Count));
        Assert.Equal(_before, await _cluster.ContentAsync());
    }

    [Fact]
    public async Task A_load_run_that_fails_leaves_nothing()
    {
        // All modules are installed at that moment.
        await Assert.ThrowsAsync<PlannedFailureException>(() => RunAsync(
            Options with { Hang = 1 }, line => { if (line.StartsWith("run 0", StringComparison.Ordinal)) throw new PlannedFailureException(); }));
        Assert.Equal(_before, await _cluster.ContentAsync());
    }

    [Fact]
    public async Task A_module_on_a_base_that_does_not_answer_is_removed_with_its_pod()
    {
        var options = Options with { Hang = 1, Cleanup = new() { NoProgress = TimeSpan.FromSeconds(5) } };
        await Assert.ThrowsAsync<PlannedFailureException>(() => RunAsync(
            options, line => { if (line.StartsWith("run 2, hanging", StringComparison.Ordinal)) throw new PlannedFailureException(); }));
        Assert.Equal(_before, await _cluster.ContentAsync());
    }

    [Theory]
    [InlineData(2)]
    [InlineData(15)]
    public async Task A_load_run_that_is_interrupted_leaves_nothing(int signal)
    {
        await using var load = StartProcess();
        await Eventually.True(async () => (await _cluster.Client.ListAllAsync<Module>()).Count == Options.Bases, () => Task.FromResult(load.Output));
        Assert.Equal(0, SendSignal(load.Id, signal));
        await Eventually.Ends(load.Exited);
        Assert.True(await load.Exited == 130, load.Output);
        Assert.Equal(_before, await _cluster.ContentAsync());
    }

    [Fact]
    public async Task A_load_run_that_is_interrupted_twice_ends_at_once()
    {
        await using var load = StartProcess();
        await Eventually.True(async () => (await _cluster.Client.ListAllAsync<Module>()).Count == Options.Bases, () => Task.FromResult(load.Output));
        await HoldModulesAsync();       // so that the cleanup waits
        Assert.Equal(0, SendSignal(load.Id, 2));
        await Eventually.True(() => load.Output.Contains("removing namespace", StringComparison.Ordinal), () => load.Output);
        Assert.Equal(0, SendSignal(load.Id, 2));
        await Eventually.Ends(load.Exited);
        Assert.True(await load.Exited == 130, load.Output);
        Assert.NotEqual(_before, await _cluster.ContentAsync());
    }

    [Fact]
    public async Task What_does_not_end_is_removed_by_force_and_reported()
    {
        var options = Options with { Hang = 1, Cleanup = new() { NoProgress = TimeSpan.FromSeconds(5) } };
        var lines = new List<string>();
        await Assert.ThrowsAsync<PlannedFailureException>(() => RunAsync(options, line =>
        {
            lines.Add(line);
            if (!line.StartsWith("run 0", StringComparison.Ordinal)) return;
            HoldModulesAsync().Wait(Cancellation);
            throw new PlannedFailureException();
        }));
        Assert.Contains(lines, line => line.Contains("not removed by the controller, so their finalizers were removed", StringComparison.Ordinal));
        Assert.Equal(_before, await _cluster.ContentAsync());
    }

    [Fact]
    public async Task Without_an_API_server_the_cleanup_ends_and_names_what_is_left()
    {
        var options = Options with { Hang = 1, Cleanup = new() { Unanswered = TimeSpan.FromSeconds(1) } };
        var lines = new List<string>();
        await Assert.ThrowsAsync<PlannedFailureException>(() => RunAsync(options, line =>
        {
            lines.Add(line);
            if (!line.StartsWith("run 0", StringComparison.Ordinal)) return;
            _cluster.EndAsync().AsTask().Wait(Cancellation);
            throw new PlannedFailureException();
        }));
        Assert.Contains(lines, line => line.Contains("the API server does not answer, so namespace load-", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_world_leaves_nothing_even_if_its_controller_was_stopped()
    {
        await using (var world = await World.StartAsync(world => (world.OtherKubeconfig, world.LeaseNamespace) = (_cluster.Kubeconfig, "default")))
        {
            await world.BaseAsync("base", 2);
            await world.CreateAsync(A.Module("orders", "1.0.0", world.Jar("orders", "1.0.0")).Replicas(2).WithService());
            await world.AvailableAsync("orders", 2, "1.0.0");
            await world.StopControllerAsync();
        }

        Assert.Equal(_before, await _cluster.ContentAsync());
    }

    private static LoadOptions Options { get; } = new() { Bases = 3, Runs = 1, Timeout = TimeSpan.FromMinutes(2) };

    private Task<LoadReport> RunAsync(LoadOptions options, Action<string>? progress = null)
    {
        var output = TestContext.Current.TestOutputHelper!;
        return LoadRun.RunAsync(
            options with { Kubeconfig = _cluster.Kubeconfig },
            line =>
            {
                output.WriteLine(line);
                progress?.Invoke(line);
            },
            Cancellation);
    }

    /// <summary>The program itself, which installs modules that take so long that a signal arrives in the middle.</summary>
    private ChildProcess StartProcess() => ChildProcess.Start(
        Programs.Load,
        ["--kubeconfig", _cluster.Kubeconfig, "--bases", "3", "--runs", "1", "--install-time", "5s"], TestContext.Current.TestOutputHelper!.WriteLine);

    /// <summary>Gives each Module a finalizer that nobody removes.</summary>
    private async Task HoldModulesAsync()
    {
        foreach (var module in await _cluster.Client.ListAllAsync<Module>())
        {
            JsonArray finalizers = [.. module.Metadata.Finalizers, "example.com/held"];
            await _cluster.Client.PatchAsync<Module>(
                ObjectKey.Of(module.Metadata), new() { ["metadata"] = new JsonObject { ["finalizers"] = finalizers } }, new("test"), Cancellation);
        }
    }

    [DllImport("libc", EntryPoint = "kill")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int SendSignal(int pid, int signal);

    private sealed class PlannedFailureException : Exception;
}
