using ModuleController.Agent.Arklet;

namespace ModuleController.Agent.Tests.Contract;

/// <summary>What happens where the Metaspace has room for the base and some modules, but not for 25 MB at once.</summary>
public abstract class MetaspaceContract(ContractFixture fixture) : ContractTests(fixture)
{
    protected const long Limit = 68 * 1024 * 1024;

    [Fact]
    public async Task A_module_that_fills_the_Metaspace_is_removed_and_the_JVM_stays_up()
    {
        Assert.Equal(Limit, (await FiguresAsync()).MaxMetaspace);

        // what reports a failure is loaded by the first one, and there would be no room for it later
        Assert.Equal(ArkletOutcome.InternalError, (await InstallAsync("plain-throws", "1.0.0")).Outcome);
        await InstalledAsync("plain", "1.0.0");
        await UninstallAsync("plain", "1.0.0");

        var result = await InstallAsync("metaspace", "1.0.0");

        Assert.True(result is { Outcome: ArkletOutcome.InternalError, Cause: "java.lang.OutOfMemoryError: Metaspace" }, $"{result}");
        Assert.Empty(await AllAsync());
        Assert.InRange((await FiguresAsync()).CommittedMetaspace, 1, Limit);
        await InstalledAsync("plain", "1.0.0");
    }
}
