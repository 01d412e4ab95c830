using ModuleController.Agent.Arklet;

namespace ModuleController.Agent.Tests.Contract;

/// <summary>What happens where the Metaspace is 72 MiB.</summary>
public abstract class MetaspaceContract(ContractFixture fixture) : ContractTests(fixture)
{
    protected const long Limit = 72 * 1024 * 1024;

    [Fact]
    public async Task A_module_for_which_there_is_no_metaspace_is_gone_and_the_jvm_lives_on()
    {
        Assert.Equal(Limit, (await FiguresAsync()).MaxMetaspace);

        var result = await InstallAsync("metaspace", "1.0.0");

        Assert.Equal((ArkletOutcome.InternalError, "java.lang.OutOfMemoryError: Metaspace"), (result.Outcome, result.Cause));
        Assert.Empty(await AllAsync());
        Assert.InRange((await FiguresAsync()).CommittedMetaspace, 1, Limit);
        await InstalledAsync("plain", "1.0.0");
    }
}
