using ModuleController.Core.Commands;

namespace ModuleController.Core.Tests.Commands;

public sealed class ArtifactPolicyTests
{
    private static readonly ArtifactPolicy Policy = new()
    {
        Sources = [Source("https://allowed.example/modules/"), Source("http://[::1]:8080/")],
    };

    [Theory]
    [InlineData("https://allowed.example/modules/orders.jar", null)]
    [InlineData("http://[::1]:8080/orders.jar", null)]
    [InlineData("https://user:word@evil.test/orders.jar?token=1",
        "https://evil.test/orders.jar is not at a source that the artifact policy allows (https://allowed.example/modules/, "
        + "http://[::1]:8080/)")]
    [InlineData("https://allowed.example/modules/..%2forders.jar?token=1",
        "https://allowed.example/modules/..%2forders.jar is not allowed by the artifact policy: its path has an encoded separator, dot or "
        + "percent sign, or a backslash, which servers read in different ways")]
    [InlineData("http://[?token=1", "http://[ is not a url")]
    public void A_problem_names_the_url_without_secrets_and_the_sources(string url, string? problem) =>
        Assert.Equal(problem, Policy.FindUrlProblem(url));

    [Fact]
    public void Without_sources_every_url_is_allowed()
    {
        Assert.Null(ArtifactPolicy.None.FindUrlProblem("https://evil.test/"));
        Assert.True(ArtifactPolicy.None.IsNone);
        Assert.False((ArtifactPolicy.None with { RequiresSha256 = true }).IsNone || (ArtifactPolicy.None with { MaxBytes = 1 }).IsNone
            || Policy.IsNone);
    }

    [Fact]
    public void Of_many_sources_three_are_named() => Assert.Equal(
        "https://s0.example/, https://s1.example/, https://s2.example/ and 2 more",
        new ArtifactPolicy { Sources = [.. Enumerable.Range(0, 5).Select(i => Source($"https://s{i}.example"))] }.SourceText);

    private static ArtifactSource Source(string url) => ArtifactSource.Parse(url)!;
}
