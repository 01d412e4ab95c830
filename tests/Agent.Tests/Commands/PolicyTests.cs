using ModuleController.Protocol.V1;
using ModuleController.Tests;
using static ModuleController.Agent.Tests.EndToEnd.AgentCommands;

namespace ModuleController.Agent.Tests.Commands;

/// <summary>Commands with an artifact policy.</summary>
public sealed class PolicyTests : IAsyncLifetime
{
    private static readonly SourcePolicy Elsewhere = new() { Sources = { "https://allowed.example" }, RequireSha256 = true, MaxBytes = 1 };

    private RunnerBench _bench = null!;

    public async ValueTask InitializeAsync() => _bench = await RunnerBench.StartAsync();

    public ValueTask DisposeAsync() => _bench.DisposeAsync();

    [Fact]
    public async Task An_install_a_fetch_and_an_inspection_of_what_is_not_allowed_fail()
    {
        var jar = _bench.Jar("orders", "1.0.0");
        foreach (var command in (Command[])[
            Install(_bench.Life, "orders", "1.0.0", jar), Fetch(_bench.Life, "orders", "1.0.0", jar), Inspect("orders", "1.0.0", jar)])
        {
            var result = await _bench.RunAsync(With(command, Elsewhere));
            Assert.Equal((Outcome.Failed, Reason.ArtifactNotAllowed, "SOURCE_NOT_ALLOWED"), (result.Outcome, result.Reason, result.Code));
        }

        Assert.Empty(_bench.Arklet.Calls);
    }

    [Fact]
    public async Task A_replay_uses_the_jar_of_its_install_whatever_the_policy_is_now()
    {
        Assert.Equal(Outcome.Succeeded, (await _bench.RunAsync(_bench.InstallOf("orders"))).Outcome);
        File.Delete(_bench.Jar("orders", "1.0.0").LocalPath);
        await NewLifeAsync();
        Assert.Equal(Outcome.Succeeded, (await _bench.RunAsync(With(_bench.InstallOf("orders"), Elsewhere))).Outcome);
    }

    [Fact]
    public async Task A_replay_whose_jar_is_lost_downloads_only_what_the_policy_allows()
    {
        await _bench.RunAsync(_bench.InstallOf("orders"));
        File.Delete(_bench.Journal.State.Modules.Single().Jar!);
        await NewLifeAsync();
        Assert.Equal(Reason.ArtifactNotAllowed, (await _bench.RunAsync(With(_bench.InstallOf("orders"), Elsewhere))).Reason);
    }

    [Fact]
    public async Task A_jar_that_was_staged_before_the_policy_is_not_installed()
    {
        var jar = _bench.Jar("orders", "1.0.0");
        Assert.Equal(Outcome.Succeeded, (await _bench.RunAsync(Fetch(_bench.Life, "orders", "1.0.0", jar))).Outcome);
        Assert.Equal(Reason.ArtifactNotAllowed, (await _bench.RunAsync(With(_bench.InstallOf("orders"), Elsewhere))).Reason);
    }

    [Theory]
    [InlineData("ftp://allowed.example/", "source.policy has a source that this agent can't compare: ftp://allowed.example/")]
    [InlineData("https://user:word@allowed.example/",
        "source.policy has a source that this agent can't compare: https://allowed.example/")]
    public async Task A_policy_that_the_agent_cannot_compare_allows_nothing(string source, string message)
    {
        var result = await _bench.RunAsync(With(_bench.InstallOf("orders"), new() { Sources = { "file:///", source } }));
        Assert.Equal((Outcome.Refused, Reason.ArtifactNotAllowed, message), (result.Outcome, result.Reason, result.Message));
    }

    private async Task NewLifeAsync()
    {
        var life = _bench.Life;
        _bench.Arklet.BeginLife(TimeSpan.FromSeconds(1));
        await Eventually.True(async () => (await _bench.LookAsync()).Life is { } next && next.Id != life);
    }

    private static Command With(Command command, SourcePolicy policy)
    {
        (command.Install?.Source ?? command.Fetch?.Source ?? command.Inspect.Source).Policy = policy;
        return command;
    }
}
