using ModuleController.SystemTests.Harness;

namespace ModuleController.SystemTests.Faults;

/// <summary>The API server fails in the middle of an install or an upgrade: all comes right, and nothing is installed twice.</summary>
public sealed class ApiFaultTests(SharedWorld shared) : IClassFixture<SharedWorld>, IAsyncLifetime
{
    private World World => shared.World;

    private Dev.ApiServer.Requests.Faults Faults => World.Cluster!.Server.Faults;

    public ValueTask InitializeAsync()
    {
        Assert.SkipWhen(World.Cluster is null,
            "Needs an API server that can be broken on purpose: unset MODULECONTROLLER_TEST_KUBECONFIG.");
        return ValueTask.CompletedTask;
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task Watches_that_are_cut_in_mid_rollout()
    {
        await ThroughAnUpgradeAsync("cut", () => Faults.CutWatches(), isOnce: true);
    }

    [Fact]
    public async Task A_history_that_is_compacted_in_mid_rollout()
    {
        await ThroughAnUpgradeAsync("compacted", () =>
        {
            Faults.CompactNow();
            Faults.CutWatches();
        }, isOnce: true);
    }

    [Fact]
    public async Task Writes_that_are_answered_with_503()
    {
        await ThroughAnUpgradeAsync("unavailable", () =>
        {
            Faults.RejectNext(2, "write", "modules.koupleless.io", 503);
            Faults.RejectNext(2, "write", "modulereplicasets.koupleless.io", 503);
            Faults.RejectNext(1, "write", "moduledeployments.koupleless.io", 503);
            Faults.RejectNext(1, "patch", "pods", 503);
        });
    }

    [Fact]
    public async Task Writes_whose_answers_are_lost()
    {
        await ThroughAnUpgradeAsync("unanswered", () =>
        {
            Faults.LoseAnswersOfNext(2, "write", "modules.koupleless.io");
            Faults.LoseAnswersOfNext(1, "write", "modulereplicasets.koupleless.io");
            Faults.LoseAnswersOfNext(1, "patch", "pods");
        });
    }

    [Fact]
    public async Task Events_that_arrive_late()
    {
        await ThroughAnUpgradeAsync("late", () => Faults.EventDelay = TimeSpan.FromMilliseconds(300));
    }

    [Fact]
    public async Task An_api_server_that_is_restarted_in_mid_install()
    {
        var over = new TaskCompletionSource();
        World.Order("restarted", new() { DuringInstall = over.Task.WaitAsync });
        await World.CreateAsync(A.Module("restarted", "1.0.0", World.Jar("restarted", "1.0.0")).Replicas(3));
        await Eventually.True(() => World.InstallsOf("restarted:1.0.0") > 0);
        await World.Cluster!.RestartServerAsync();
        over.SetResult();
        await World.AvailableAsync("restarted", 3, "1.0.0");
        Assert.Equal(3, World.InstallsOf("restarted:1.0.0"));
    }

    /// <summary>Breaks things as the first release begins, in its middle, and in an upgrade; or in its middle only, since
    /// watches that end too often are opened later and later.</summary>
    private async Task ThroughAnUpgradeAsync(string name, Action breakSomething, bool isOnce = false)
    {
        try
        {
            var jar = World.Jar(name, "1.0.0", attributes: new Dictionary<string, string> { ["Simulator-Install-Millis"] = "200" });
            await World.CreateAsync(A.Module(name, "1.0.0", jar).Replicas(3).AtMostUnavailable(2).Policy("uninstall_then_install"));
            if (!isOnce) breakSomething();
            await Eventually.True(() => World.InstallsOf($"{name}:1.0.0") > 0, () => World.DumpAsync(name).Result);
            breakSomething();
            await World.AvailableAsync(name, 3, "1.0.0");
            // What the controller did not run into meets the test itself.
            await Eventually.True(async () =>
            {
                await World.UpgradeAsync(name, "2.0.0", World.Jar(name, "2.0.0"));
                return true;
            });
            if (!isOnce) breakSomething();
            await World.AvailableAsync(name, 3, "2.0.0");
            Assert.Equal(3, World.InstallsOf($"{name}:1.0.0"));
            Assert.Equal(3, World.InstallsOf($"{name}:2.0.0"));
        }
        finally
        {
            Faults.Clear();
        }
    }
}
