using CsCheck;
using ModuleController.Core.Commands;

namespace ModuleController.Core.Tests.Commands;

public sealed class ArtifactSourceTests
{
    private static readonly string[] Authorities =
    [
        "https://allowed.example", "https://allowed.example:443", "https://ALLOWED.example", "https://a@allowed.example",
        "https://allowed.example@evil.test", "https://allowed.example.evil.test", "http://allowed.example",
    ];

    private static readonly string[] Parts =
    [
        "/", "/modules", "/modules/", "//", "..", "/..", "/../", "/.", "%2e", "%2E%2e", "%2f", "%5c", "%252e", "\\", ";", "%3b", ";x=1", "a",
        "/modules/..;/", "%6dodules", "%c0%ae", "?x=/../", "#/..", "modules-2",
    ];

    private static readonly Gen<string> Urls = Gen.Select(
        Gen.Int[0, Authorities.Length - 1], Gen.Int[0, Parts.Length - 1].List[1, 8],
        (authority, parts) => $"{Authorities[authority]}/modules{string.Concat(parts.Select(part => Parts[part]))}");

    [Theory]
    [InlineData("https://allowed.example/modules", "https://allowed.example/modules/orders.jar")]
    [InlineData("https://allowed.example/modules/", "https://allowed.example/modules")]
    [InlineData("https://allowed.example/", "https://allowed.example/any/orders.jar?token=1")]
    [InlineData("https://allowed.example/", "HTTPS://ALLOWED.Example:443/orders.jar")]
    [InlineData("https://allowed.example:443/", "https://allowed.example:0443/orders.jar")]
    [InlineData("https://allowed.example/", "https://user:word@allowed.example/orders.jar")]
    [InlineData("https://allowed.example/", "https://user:p%2Fw%25@allowed.example/orders.jar")]
    [InlineData("https://allowed.example/", "https://allowed.example/orders.jar?path=%2F..")]
    [InlineData("https://allowed.example/", "https://allowed.example:443/../x")]
    [InlineData("https://allowed.example/", "https://allowed.example//orders.jar")]
    [InlineData("https://allowed.example/a", "https://allowed.example/b/../a/orders.jar")]
    [InlineData("https://allowed.example/a", "https://allowed.example/%61/orders.jar")]
    [InlineData("https://allowed.example/a", "https://allowed.example/a//orders.jar")]
    [InlineData("https://allowed.example/a", "https://allowed.example/a/.../orders.jar;build=1")]
    [InlineData("https://allowed.example/a b", "https://allowed.example/a%20b/orders.jar")]
    [InlineData("http://[::1]:8080/", "http://[0:0:0:0:0:0:0:1]:8080/orders.jar")]
    [InlineData("http://127.0.0.1/", "http://0x7f.1/orders.jar")]
    [InlineData("https://bücher.example/", "https://xn--bcher-kva.example/orders.jar")]
    [InlineData("https://xn--bcher-kva.example/", "https://BÜCHER.example/orders.jar")]
    [InlineData("file:///modules", "file:///modules/orders.jar")]
    public void A_url_at_a_source_is_allowed(string source, string url) => Assert.True(Allows(source, url));

    [Theory]
    [InlineData("https://allowed.example/", "https://allowed.example@evil.test/")]
    [InlineData("https://allowed.example/", "https://allowed.example.evil.test/orders.jar")]
    [InlineData("https://allowed.example/", "https://allowed.example:443@evil.test/")]
    [InlineData("https://allowed.example/", "https://evil.test%2f.allowed.example/")]
    [InlineData("https://allowed.example/", "https://evil.test/https://allowed.example/")]
    [InlineData("https://allowed.example/", "https://evil.test\\@allowed.example/")]
    [InlineData("https://allowed.example/", "https://evil.test#@allowed.example/")]
    [InlineData("https://allowed.example/", "https:///allowed.example/orders.jar")]
    [InlineData("https://allowed.example/", "//allowed.example/orders.jar")]
    [InlineData("https://allowed.example/", "https://allowed.example./orders.jar")]
    [InlineData("https://allowed.example/", "https://\u0430llowed.example/orders.jar")]
    [InlineData("https://allowed.example/", "https://sub.allowed.example/orders.jar")]
    [InlineData("https://allowed.example/", "http://allowed.example/orders.jar")]
    [InlineData("https://allowed.example/", "http://allowed.example:443/orders.jar")]
    [InlineData("https://allowed.example/", "https://allowed.example:8443/orders.jar")]
    [InlineData("https://allowed.example/modules", "https://allowed.example/modules-of-others/orders.jar")]
    [InlineData("https://allowed.example/modules", "https://allowed.example/Modules/orders.jar")]
    [InlineData("https://allowed.example/modules", "https://allowed.example/modules/../orders.jar")]
    [InlineData("https://allowed.example/modules", "https://allowed.example:443/../x")]
    [InlineData("https://allowed.example/modules", "https://allowed.example//modules/orders.jar")]
    [InlineData("https://allowed.example/modules", "https://allowed.example/modules%2forders.jar")]
    [InlineData("https://allowed.example/modules", "https://allowed.example/modules/a%5c..%5c..%5corders.jar")]
    [InlineData("https://allowed.example/modules", "https://allowed.example/modules/..\\..\\orders.jar")]
    [InlineData("https://allowed.example/modules", "https://allowed.example/modules/..;/orders.jar")]
    [InlineData("https://allowed.example/modules", "https://allowed.example/modules/..%3Bx=1/orders.jar")]
    [InlineData("https://allowed.example/modules", "https://allowed.example/modules/%c0%ae%c0%ae/orders.jar")]
    [InlineData("https://allowed.example/modules", "https://allowed.example/modules/%2e%2e/orders.jar")]
    [InlineData("https://allowed.example/modules", "https://allowed.example/modules/a/%2E%2e/orders.jar")]
    [InlineData("https://allowed.example/modules", "https://allowed.example/modules/..%2forders.jar")]
    [InlineData("https://allowed.example/modules", "https://allowed.example/modules/%252e%252e/orders.jar")]
    [InlineData("http://[::1]:8080/", "http://[::2]:8080/orders.jar")]
    [InlineData("file:///modules", "file://evil.test/modules/orders.jar")]
    [InlineData("file:///modules", "file:////evil.test/modules/orders.jar")]
    [InlineData("file:///modules", "file:///modules/../etc/orders.jar")]
    [InlineData("file:///", "https://allowed.example/orders.jar")]
    public void A_url_elsewhere_is_not_allowed(string source, string url) => Assert.False(Allows(source, url));

    [Theory]
    [InlineData("allowed.example")]
    [InlineData("ftp://allowed.example/")]
    [InlineData("https://user@allowed.example/")]
    [InlineData("https://allowed.example/?token=1")]
    [InlineData("https://allowed.example/a%2fb")]
    public void What_can_not_be_compared_is_no_source(string source) => Assert.Null(ArtifactSource.Parse(source));

    [Theory]
    [InlineData("../other.jar", true)]
    [InlineData("../../other.jar", false)]
    [InlineData("%2e%2e/other.jar", false)]
    [InlineData("..%2fother.jar", false)]
    [InlineData("//evil.test/other.jar", false)]
    [InlineData("/\\evil.test/other.jar", false)]
    [InlineData("https://evil.test/modules/other.jar", false)]
    public void A_relative_redirect_is_compared_as_what_it_leads_to(string location, bool isAllowed)
    {
        var to = new Uri(new("https://allowed.example/modules/a/orders.jar"), new Uri(location, UriKind.RelativeOrAbsolute));
        Assert.Equal(isAllowed, ArtifactSource.Parse("https://allowed.example/modules/")!.Allows(to));
    }

    /// <summary>Decoded as often as any server might, with each separator that any server knows, and without parameters.</summary>
    [Fact]
    public void However_a_server_reads_an_allowed_url_it_is_in_the_folder() => Urls.Sample(url =>
    {
        const string Folder = "/modules/";
        if (!Allows("https://allowed.example/modules", url)) return;
        var sent = new Uri(url);
        Assert.Equal("https://allowed.example", sent.GetComponents(UriComponents.SchemeAndServer, UriFormat.UriEscaped));
        var path = Uri.UnescapeDataString(Uri.UnescapeDataString(sent.AbsolutePath)).Replace('\\', '/');
        List<string> read = [];
        foreach (var segment in path.Split('/').Select(part => part.Split(';')[0]))
            if (segment == "..") read = read.Count == 0 ? read : read[..^1];
            else if (segment is not ("" or ".")) read.Add(segment);
        Assert.StartsWith(Folder, $"/{string.Join('/', read)}/", StringComparison.Ordinal);
    }, iter: 20_000);

    private static bool Allows(string source, string url) =>
        Uri.TryCreate(url, UriKind.Absolute, out var parsed) && ArtifactSource.Parse(source)!.Allows(parsed);
}
