using ModuleController.Agent.Artifacts;

namespace ModuleController.Agent.Tests.Artifacts;

/// <summary>Which hosts get which credentials of a netrc file.</summary>
public sealed class NetrcTests
{
    [Theory]
    [InlineData("machine nexus login build password secret")]
    [InlineData("machine nexus\n  login build\n\tpassword secret\r\n")]
    [InlineData("# password none\nmachine other login x password y\nmachine nexus account z password secret login build")]
    [InlineData("machine \"nexus\" login \"build\" password \"secret\"")]
    public void Entries_may_have_any_layout(string text) =>
        Assert.Equal(new("nexus", null, "build", "secret"), Netrc.Parse(text).Single(machine => machine.Host == "nexus"));

    [Fact]
    public void A_quoted_word_may_have_spaces_and_quotes() => Assert.Equal(
        [new("nexus", 8081, "a b", "c\"d\\e#")], Netrc.Parse("""machine nexus:8081 login "a b" password "c\"d\\e#" """));

    [Theory]
    [InlineData("")]
    [InlineData("machine")]
    [InlineData("login a password b")]
    [InlineData("default login a password b")]
    [InlineData("macdef init\nlogin a\n")]
    [InlineData("\"")]
    public void What_names_no_host_is_left_out(string text) => Assert.Empty(Netrc.Parse(text));

    [Fact]
    public void The_default_entry_changes_no_other_one() => Assert.Equal(
        [new("nexus", null, "a", "b")], Netrc.Parse("machine nexus login a password b default login c password d"));

    [Theory]
    [InlineData("nexus", "https://nexus/x.jar", true)]
    [InlineData("nexus", "https://NEXUS:8443/x.jar", true)]
    [InlineData("nexus", "http://nexus/x.jar", false)]
    [InlineData("nexus", "https://nexus.evil.example/x.jar", false)]
    [InlineData("nexus", "https://evil.example/nexus", false)]
    [InlineData("nexus:8081", "http://nexus:8081/x.jar", true)]
    [InlineData("nexus:8081", "http://nexus:8082/x.jar", false)]
    [InlineData("nexus:8081", "https://nexus/x.jar", false)]
    public void Without_a_port_an_entry_is_for_https_only(string machine, string url, bool matches) =>
        Assert.Equal(matches, Assert.Single(Netrc.Parse($"machine {machine} login a password b")).Matches(new(url)));
}
