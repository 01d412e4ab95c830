using ModuleController.Agent.Arklet;

namespace ModuleController.Agent.Tests.Contract;

/// <summary>What only the end of a JVM ends.</summary>
public abstract class LifeContract(ContractFixture fixture) : ContractTests(fixture)
{
    [Fact]
    public async Task A_module_that_hangs_stays_until_a_restart_removes_everything()
    {
        await InstalledAsync("orders", "1.0.0");
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        var hanging = Arklet.InstallAsync("hangs", "1.0.0", Base.Jar("hangs", "1.0.0"), timeout.Token);
        await UntilAsync("hangs is starting", async () => await StateAsync("hangs", "1.0.0") == ArkletBizState.Resolved);

        await timeout.CancelAsync();

        // its loop is lost, and with it each connection that would be dealt to it; nobody else notices
        Assert.Equal(ArkletOutcome.Unknown, (await hanging).Outcome);
        for (var round = 0; round < 3; round++)
        {
            Assert.Equal(ArkletOutcome.Conflict, (await UninstallAsync("hangs", "1.0.0")).Outcome);
            await InstalledAsync("invoice", "1.0.0");
            Assert.Equal(ArkletOutcome.Success, (await UninstallAsync("invoice", "1.0.0")).Outcome);
        }

        Assert.Equal(ArkletBizState.Resolved, await StateAsync("hangs", "1.0.0"));
        var before = await FiguresAsync();
        await Base.RestartAsync(Cancellation);

        Assert.Empty(await AllAsync());
        Assert.True((await FiguresAsync()).RunTime < before.RunTime);
        Assert.Equal("404", await HelloAsync("orders"));
        await InstalledAsync("orders", "1.0.0");
        Assert.Equal("orders 1.0.0", await HelloAsync("orders"));
    }
}
