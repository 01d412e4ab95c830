namespace ModuleController.SystemTests.Load;

/// <summary>Cleanups in which something does not end.</summary>
public sealed class StuckCleanupTests : OtherClusterTests
{
    [Fact]
    public async Task A_module_on_a_base_that_does_not_answer_is_removed_with_its_pod()
    {
        await FailAsync(Options with { Hang = 1, Cleanup = new() { NoProgress = TimeSpan.FromSeconds(5) } }, at: "run 2, with a hang");
        Assert.Equal(Before, await Cluster.ContentAsync());
    }

    [Fact]
    public async Task What_does_not_end_is_removed_by_force_and_reported()
    {
        var lines = await FailAsync(
            Options with { Hang = 1, Cleanup = new() { NoProgress = TimeSpan.FromSeconds(5) } }, at: "run 0", HoldModulesAsync);
        Assert.Contains(lines,
            line => line.Contains("not removed by the controller, so their finalizers were removed", StringComparison.Ordinal));
        Assert.Equal(Before, await Cluster.ContentAsync());
    }

    [Fact]
    public async Task Without_an_API_server_the_cleanup_ends_and_names_what_is_left()
    {
        var lines = await FailAsync(
            Options with { Hang = 1, Cleanup = new() { Unanswered = TimeSpan.FromSeconds(1) } }, at: "run 0", () =>
                Cluster.EndAsync().AsTask());
        Assert.Contains(lines, line => line.Contains("the API server does not answer, so namespace load-", StringComparison.Ordinal));
    }
}
