using ModuleController.Core.Meta;

namespace ModuleController.Core.Tests.Meta;

public class UrlTextTests
{
    [Theory]
    [InlineData("https://repo.example/a/orders.jar", "https://repo.example/a/orders.jar")]
    [InlineData("https://user:password@repo.example:8443/a.jar", "https://repo.example:8443/a.jar")]
    [InlineData("https://token@repo.example/a.jar", "https://repo.example/a.jar")]
    [InlineData("https://s3.example/a.jar?X-Amz-Signature=abc&X-Amz-Credential=k", "https://s3.example/a.jar")]
    [InlineData("https://s3.example?sig=a b", "https://s3.example")]
    [InlineData("https://s3.example/a.jar#token", "https://s3.example/a.jar")]
    [InlineData("https://repo.example/@scope/a.jar", "https://repo.example/@scope/a.jar")]
    [InlineData("https://[fd00::1]/@scope/a.jar", "https://[fd00::1]/@scope/a.jar")]
    [InlineData("https://user:p@ss@repo.example/a.jar", "https://repo.example/a.jar")]
    [InlineData("https://user:pa/ss@repo.example/a.jar", "https://repo.example/a.jar")]
    [InlineData("https://user:pa?ss@repo.example/a.jar", "https://repo.example/a.jar")]
    [InlineData("file:///jars/a.jar", "file:///jars/a.jar")]
    [InlineData("no-url?secret", "no-url")]
    public void A_url_is_shown_without_user_information_and_query(string url, string shown) => Assert.Equal(shown, UrlText.Of(url));

    [Theory]
    [InlineData("nothing to hide: 1 < 2", "nothing to hide: 1 < 2")]
    [InlineData("https://u:p@h/a?s=1: HTTP 403, see https://u:p@h/b?s=2.", "https://h/a: HTTP 403, see https://h/b.")]
    [InlineData("Invalid value: \"https://u:p@h/a?s=1\": too long (http://h:8080/?q)", "Invalid value: \"https://h/a\": too long (http://h:8080/)")]
    [InlineData("cannot connect to jdbc:mysql://root:secret@db/orders?password=secret", "cannot connect to jdbc:mysql://db/orders")]
    public void In_a_text_every_url_is(string text, string shown) => Assert.Equal(shown, UrlText.In(text));
}
