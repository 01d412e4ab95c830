using ModuleController.Agent.Artifacts;

namespace ModuleController.Agent.Tests.Artifacts;

public sealed class RedirectsTests
{
    [Theory]
    [InlineData("http://a/x", "/y", "http://a/y")]
    [InlineData("http://a/x", "http://b/y", "http://b/y")]
    [InlineData("http://a/x", "https://b/y", "https://b/y")]
    [InlineData("https://a/x", "https://b/y", "https://b/y")]
    [InlineData("https://a/x", "http://a/y", null)]
    [InlineData("https://a/x", "file:///etc/hostname", null)]
    [InlineData("http://a/x", "ftp://a/y", null)]
    public void A_redirect_is_followed_to_https_and_never_back(string from, string location, string? to) =>
        Assert.Equal(to, Redirects.Follow(new(from), new(location, UriKind.RelativeOrAbsolute))?.AbsoluteUri);

    [Theory]
    [InlineData("http://a:80/x", "http://A/y", true)]
    [InlineData("http://a:81/x", "https://a/y", true)]
    [InlineData("http://a/x", "http://b/y", false)]
    [InlineData("http://a/x", "http://a:81/y", false)]
    [InlineData("https://a/x", "https://sub.a/y", false)]
    public void Credentials_stay_with_their_host(string from, string to, bool kept) =>
        Assert.Equal(kept, Redirects.MayKeepCredentials(new(from), new(to)));
}
