using System.Runtime.InteropServices;
using ModuleController.Core.Modules;
using ModuleController.Dev.Load.Processes;

namespace ModuleController.SystemTests.Load;

/// <summary>Signals to the load program, which runs on a cluster that is not its own.</summary>
public sealed class InterruptedLoadTests : OtherClusterTests
{
    [Theory]
    [InlineData(2)]
    [InlineData(15)]
    public async Task A_load_run_that_is_interrupted_leaves_nothing(int signal)
    {
        await using var load = StartProcess();
        await Eventually.True(async () => (await Cluster.Client.ListAllAsync<Module>()).Count == Options.Bases,
            () => Task.FromResult(load.Output));
        Assert.Equal(0, SendSignal(load.Id, signal));
        await Eventually.Ends(load.Exited);
        Assert.True(await load.Exited == 130, load.Output);
        Assert.Equal(Before, await Cluster.ContentAsync());
    }

    [Fact]
    public async Task A_load_run_that_is_interrupted_twice_ends_at_once()
    {
        await using var load = StartProcess();
        await Eventually.True(async () => (await Cluster.Client.ListAllAsync<Module>()).Count == Options.Bases,
            () => Task.FromResult(load.Output));
        await HoldModulesAsync();       // so that the cleanup waits
        Assert.Equal(0, SendSignal(load.Id, 2));
        await Eventually.True(() => load.Output.Contains("removing namespace", StringComparison.Ordinal), () => load.Output);
        Assert.Equal(0, SendSignal(load.Id, 2));
        await Eventually.Ends(load.Exited);
        Assert.True(await load.Exited == 130, load.Output);
        Assert.NotEqual(Before, await Cluster.ContentAsync());
    }

    /// <summary>
    /// The program itself, with a run that lasts long enough for a signal in the middle. A shell lets what it starts in the background
    /// ignore SIGINT, and so would this program where the tests run there.
    /// </summary>
    private ChildProcess StartProcess() => ChildProcess.Start(
        "env",
        [
            "--default-signal=INT", "dotnet", Programs.Load,
            "--kubeconfig", Cluster.Kubeconfig, "--bases", "3", "--runs", "3", "--install-time", "5s",
        ],
        TestContext.Current.TestOutputHelper!.WriteLine);

    [DllImport("libc", EntryPoint = "kill")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int SendSignal(int pid, int signal);
}
