using ModuleController.Core.Commands;

namespace ModuleController.Core.Tests.BasePod;

public sealed class CommandIdTests
{
    [Fact]
    public void An_id_is_read_back_as_it_was_written()
    {
        var id = new CommandId("6f1c", CommandAction.Install, "b-1750000000123", 2);
        Assert.Equal("6f1c/install/b-1750000000123/2", id.ToString());
        Assert.Equal(id, CommandId.Parse(id.ToString()));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("6f1c/install/life")]
    [InlineData("6f1c/install/life/2/3")]
    [InlineData("/install/life/2")]
    [InlineData("6f1c/explode/life/2")]
    [InlineData("6f1c/install/life/-2")]
    [InlineData("6f1c/install/life/two")]
    public void What_is_no_id_is_none(string? text) => Assert.Null(CommandId.Parse(text));

    [Theory]
    [InlineData(CommandAction.Install, false)]
    [InlineData(CommandAction.Inspect, true)]
    [InlineData(CommandAction.Fetch, true)]
    public void Inspections_and_fetches_run_beside_other_commands(string action, bool isBeside) =>
        Assert.Equal(isBeside, new CommandId("6f1c", action, "life", 1).IsBeside);
}
