using ModuleController.Core.Agents;

namespace ModuleController.Core.Tests.BasePod;

public class BaseViewTests
{
    [Theory]
    [InlineData(94, 100, false)]
    [InlineData(95, 100, true)]
    [InlineData(0, 0, false)]      // no figures
    [InlineData(500, -1, false)]   // no limit
    public void A_base_is_out_of_Metaspace_from_95_percent_of_its_limit(long committed, long limit, bool expected) =>
        Assert.Equal(expected, (View with { Jvm = new(0, 0, 0, committed, limit) }).IsOutOfMetaspace);

    [Fact]
    public void A_base_is_out_of_Metaspace_after_an_install_that_found_none() =>
        Assert.True((View with { IsMetaspaceFull = true, Jvm = new(0, 0, 0, 0, 100) }).IsOutOfMetaspace);

    private static BaseView View => new() { IsConnected = true, LastMessageAt = DateTimeOffset.UnixEpoch, State = BaseState.Up };
}
