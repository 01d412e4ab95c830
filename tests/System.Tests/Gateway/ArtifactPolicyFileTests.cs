using ModuleController.ControlPlane.Settings;
using ModuleController.Core.Commands;
using ModuleController.SystemTests.Harness;

namespace ModuleController.SystemTests.Gateway;

/// <summary>The file of <c>--artifact-policy</c>.</summary>
public sealed class ArtifactPolicyFileTests : IDisposable
{
    private readonly string _file = Path.GetTempFileName();

    public void Dispose() => File.Delete(_file);

    [Fact]
    public async Task A_namespace_has_the_rule_that_names_it_or_else_that_of_all_others()
    {
        var (policies, error) = await ReadAsync("""
            rules:
            - namespaces: [team-a, team-b]
              sources:
              - https://repo.example.com/modules/
              - http://[::1]:8080
              requireSha256: true
              maxSize: 200Mi
            - namespaces: [sandbox]
            - namespaces: ["*"]
              sources: [https://repo.example.com/shared]
            """);

        Assert.Empty(error);
        Assert.Same(policies!.Of("team-a"), policies.Of("team-b"));
        var team = policies.Of("team-a");
        Assert.Equal(("https://repo.example.com/modules/, http://[::1]:8080/", 200 * 1024 * 1024, true),
            (team.SourceText, team.MaxBytes, team.RequiresSha256));
        Assert.True(policies.Of("sandbox").IsNone);
        Assert.Equal("https://repo.example.com/shared", policies.Of("another").SourceText);
        Assert.False(policies.Of("another").RequiresSha256);
    }

    [Fact]
    public async Task The_example_of_the_documentation_is_accepted()
    {
        var page = await File.ReadAllTextAsync(
            Path.Combine(Manifests.Root, "docs", "security.md"), TestContext.Current.CancellationToken);
        var example = page[page.IndexOf("\nrules:\n", StringComparison.Ordinal)..];
        var (policies, error) = await ReadAsync(example[..example.IndexOf("```", StringComparison.Ordinal)]);
        Assert.Empty(error);
        Assert.Equal((200 * 1024 * 1024, null), (policies!.Of("team-b").MaxBytes, policies.Of("another").MaxBytes));
    }

    [Fact]
    public async Task Without_a_rule_for_all_others_they_have_no_policy()
    {
        var (policies, _) = await ReadAsync("rules: [{namespaces: [team-a], maxSize: 1000}]");
        Assert.Equal(1000, policies!.Of("team-a").MaxBytes);
        Assert.True(policies.Of("team-b").IsNone);
        Assert.True(new ControlPlaneOptions().ArtifactPolicies.Of("team-a").IsNone);
    }

    [Theory]
    [InlineData("", "must have one document")]
    [InlineData("rules: []", "rules: must be a list of at least one")]
    [InlineData("rule: []", "rule: is unknown; known are rules")]
    [InlineData("rules: [1]", "rules[0]: must be an object")]
    [InlineData("rules: [{sources: ['https://a']}]", "rules[0].namespaces: must be a list of at least one")]
    [InlineData("rules: [{namespaces: [a], source: ['https://a']}]",
        "rules[0].source: is unknown; known are namespaces, sources, maxSize, requireSha256")]
    [InlineData("rules: [{namespaces: [team-*]}]", "rules[0].namespaces[0]: team-* is not an object name")]
    [InlineData("rules: [{namespaces: [a, b]}, {namespaces: [b]}]", "rules[1].namespaces[0]: another rule names b, too")]
    [InlineData("rules: [{namespaces: [a], sources: }]", "rules[0].sources: must be a list of at least one")]
    [InlineData("rules: [{namespaces: [a], sources: ['https://user:word@a/?token=1']}]",
        "rules[0].sources[0]: https://a/ must be an http, https or file URL without user information, query, fragment, encoded separators "
        + "and dots, such as https://repo.example.com/modules/")]
    [InlineData("rules: [{namespaces: [a], sources: ['repo.example.com']}]", "rules[0].sources[0]: repo.example.com must be an http")]
    [InlineData("rules: [{namespaces: [a], sources: [1]}]", "rules[0].sources[0]: must be a text")]
    [InlineData("rules: [{namespaces: [a], maxSize: 0}]", "rules[0].maxSize: must be a number of bytes, such as 200Mi")]
    [InlineData("rules: [{namespaces: [a], maxSize: many}]", "rules[0].maxSize: must be a number of bytes, such as 200Mi")]
    [InlineData("rules: [{namespaces: [a], requireSha256: 'yes'}]", "rules[0].requireSha256: must be true or false")]
    [InlineData("rules: [", "line 2, column 1: ")]
    public async Task A_mistake_is_named_and_the_controller_does_not_start(string yaml, string expected)
    {
        var (policies, error) = await ReadAsync(yaml);
        Assert.Null(policies);
        Assert.StartsWith($"--artifact-policy: {expected}", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_rule_has_at_most_as_many_and_as_long_sources_as_a_command_can_carry()
    {
        var many = string.Join(", ", Enumerable.Range(0, 33).Select(i => $"'https://s{i}.example'"));
        Assert.StartsWith("--artifact-policy: rules[0].sources: must be at most 32, not 33",
            (await ReadAsync($"rules: [{{namespaces: [a], sources: [{many}]}}]")).Error, StringComparison.Ordinal);
        Assert.StartsWith("--artifact-policy: rules[0].sources[0]: must be at most 512 bytes",
            (await ReadAsync($"rules: [{{namespaces: [a], sources: ['https://s/{new string('ä', 100)}']}}]")).Error,
            StringComparison.Ordinal);
    }

    private async Task<(ArtifactPolicies? Policies, string Error)> ReadAsync(string yaml)
    {
        await File.WriteAllTextAsync(_file, yaml, TestContext.Current.CancellationToken);
        ControlPlaneOptions? options = null;
        await using var error = new StringWriter();
        await using var output = new StringWriter();
        await CommandLine.InvokeAsync(
            ["--artifact-policy", _file], _ => null, given => Task.FromResult((options = given) is null ? 1 : 0),
            new() { Output = output, Error = error });
        return (options?.ArtifactPolicies, error.ToString());
    }
}
