using ModuleController.Dev.Load;
using ModuleController.Dev.Load.Processes;

namespace ModuleController.SystemTests.Load;

/// <summary>The command line of the load program.</summary>
public sealed class LoadCommandTests
{
    [Fact]
    public async Task Without_options_it_has_defaults()
    {
        var options = await ReadAsync();
        Assert.Equal(new LoadOptions { Seed = options.Seed, Cleanup = options.Cleanup }, options);
    }

    [Fact]
    public async Task Options_are_read()
    {
        var options = await ReadAsync(
            "--bases", "8", "--modules=25", "--install-time", "500ms", "--timeout", "2m", "--kill", "agent", "--seed", "1", "--json");
        Assert.Equal((8, 25, 1, true), (options.Bases, options.Modules, options.Seed, options.IsJson));
        Assert.Equal((TimeSpan.FromMilliseconds(500), TimeSpan.FromMinutes(2)), (options.InstallTime, options.Timeout));
        Assert.Equal((KillTarget.Agent, 8), (options.Kill, options.AgentProcesses));
    }

    [Theory]
    [InlineData("--bases: 0 is not a whole number of at least 1", "--bases", "0")]
    [InlineData("--install-time: 5h is not a time such as 500ms, 2s or 1m", "--install-time", "5h")]
    [InlineData("'controller'", "--kill", "pod")]
    [InlineData("--hang: some bases must not hang", "--bases", "2", "--hang", "2")]
    [InlineData("--upgrade and --hang exclude each other", "--upgrade", "2", "--hang", "2")]
    [InlineData("--agent-processes: there are only 2 bases", "--bases", "2", "--agent-processes", "3")]
    public async Task Invalid_options_are_rejected(string error, params string[] arguments)
    {
        using var output = new StringWriter();
        var parsed = LoadCommand.Create(_ => throw new InvalidOperationException("not expected to run")).Parse(arguments);
        var exitCode = await parsed.InvokeAsync(new() { Error = output }, TestContext.Current.CancellationToken);
        Assert.NotEqual(0, exitCode);
        Assert.Contains(error, output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_mistyped_option_is_rejected_with_a_suggestion()
    {
        await using var load = ChildProcess.Start("dotnet", [Programs.Load, "--basses", "8"]);
        Assert.Equal(2, await load.Exited.WaitAsync(TestContext.Current.CancellationToken));
        Assert.Contains("--bases", load.Output, StringComparison.Ordinal);
    }

    private static async Task<LoadOptions> ReadAsync(params string[] arguments)
    {
        LoadOptions? read = null;
        var parsed = LoadCommand.Create(options =>
        {
            read = options;
            return Task.FromResult(0);
        }).Parse(arguments);
        Assert.Equal(0, await parsed.InvokeAsync(cancellationToken: TestContext.Current.CancellationToken));
        return read!;
    }
}
