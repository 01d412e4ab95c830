using ModuleController.Core.Commands;

namespace ModuleController.Core.Tests.Commands;

public sealed class ArtifactSourceTests
{
    [Theory]
    [InlineData("https://allowed.example/modules", "https://allowed.example/modules/orders.jar")]
    [InlineData("https://allowed.example/modules/", "https://allowed.example/modules")]
    [InlineData("https://allowed.example/", "https://allowed.example/any/orders.jar?token=1")]
    [InlineData("https://allowed.example/", "HTTPS://ALLOWED.Example:443/orders.jar")]
    [InlineData("https://allowed.example:443/", "https://allowed.example./orders.jar")]
    [InlineData("https://allowed.example/", "https://user:word@allowed.example/orders.jar")]
    [InlineData("https://allowed.example/a", "https://allowed.example/b/../a/orders.jar")]
    [InlineData("https://allowed.example/a b", "https://allowed.example/a%20b/orders.jar")]
    [InlineData("http://[::1]:8080/", "http://[0:0:0:0:0:0:0:1]:8080/orders.jar")]
    [InlineData("https://bücher.example/", "https://xn--bcher-kva.example/orders.jar")]
    [InlineData("file:///modules", "file:///modules/orders.jar")]
    public void A_url_at_a_source_is_allowed(string source, string url) => Assert.True(ArtifactSource.Parse(source)!.Allows(url));

    [Theory]
    [InlineData("https://allowed.example/", "https://allowed.example@evil.test/")]
    [InlineData("https://allowed.example/", "https://allowed.example.evil.test/orders.jar")]
    [InlineData("https://allowed.example/", "https://evil.test/https://allowed.example/")]
    [InlineData("https://allowed.example/", "https://evil.test\\@allowed.example/")]
    [InlineData("https://allowed.example/", "https://evil.test#@allowed.example/")]
    [InlineData("https://allowed.example/", "http://allowed.example/orders.jar")]
    [InlineData("https://allowed.example/", "https://allowed.example:8443/orders.jar")]
    [InlineData("https://allowed.example/modules", "https://allowed.example/modules-of-others/orders.jar")]
    [InlineData("https://allowed.example/modules", "https://allowed.example/Modules/orders.jar")]
    [InlineData("https://allowed.example/modules", "https://allowed.example/modules/../orders.jar")]
    [InlineData("https://allowed.example/modules", "https://allowed.example/modules/%2e%2e/orders.jar")]
    [InlineData("https://allowed.example/modules", "https://allowed.example/modules/..%2forders.jar")]
    [InlineData("https://allowed.example/modules", "https://allowed.example/modules/%252e%252e/orders.jar")]
    [InlineData("http://[::1]:8080/", "http://[::2]:8080/orders.jar")]
    [InlineData("file:///modules", "file://evil.test/modules/orders.jar")]
    public void A_url_elsewhere_is_not_allowed(string source, string url) => Assert.False(ArtifactSource.Parse(source)!.Allows(url));

    [Theory]
    [InlineData("allowed.example")]
    [InlineData("ftp://allowed.example/")]
    [InlineData("https://user@allowed.example/")]
    [InlineData("https://allowed.example/?token=1")]
    [InlineData("https://allowed.example/a%2fb")]
    public void What_can_not_be_compared_is_no_source(string source) => Assert.Null(ArtifactSource.Parse(source));
}
