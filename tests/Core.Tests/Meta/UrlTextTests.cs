using CsCheck;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules.Rules;

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
    [InlineData("https://user:pa'ss@repo.example/a.jar", "https://repo.example/a.jar")]
    [InlineData("https://user:/ss@repo.example/a.jar", "https://repo.example/a.jar")]
    [InlineData("file:///jars/a.jar", "file:///jars/a.jar")]
    [InlineData("file:/jars/a.jar?from=https://secret", "file:/jars/a.jar")]
    [InlineData("no-url?secret", "no-url")]
    public void A_url_is_shown_without_user_information_and_query(string url, string shown) => Assert.Equal(shown, UrlText.Of(url));

    [Theory]
    [InlineData("nothing to hide: 1 < 2", "nothing to hide: 1 < 2")]
    [InlineData("https://u:p@h/a?s=1: HTTP 403, see https://u:p@h/b?s=2.", "https://h/a: HTTP 403, see https://h/b.")]
    [InlineData("Invalid value: \"https://u:p@h/a?s=1\": too long (http://h:8080/?q)",
        "Invalid value: \"https://h/a\": too long (http://h:8080/)")]
    [InlineData("https://user:pa'ss@host/a and https://host/a?sig=a'b<c>d: denied", "https://host/a and https://host/a: denied")]
    [InlineData("""Invalid value: "https://user:pa\"ss@host/a?sig=a\"b": too long""", """Invalid value: "https://host/a": too long""")]
    [InlineData("""{"from":"https://u:p@h/a?s=1","to":"https://u:p@i/a?s=1"}""", """{"from":"https://h/a","to":"https://i/a"}""")]
    [InlineData("<https://u:p@h/a?s=1>, 'https://u:p@h/b?s=1'", "<https://h/a>, 'https://h/b'")]
    [InlineData("https://h/a,https://u:p@i/b?s=1", "https://h/a,https://i/b")]
    [InlineData("cannot connect to jdbc:mysql://root:secret@db/orders?password=secret", "cannot connect to jdbc:mysql://db/orders")]
    public void In_a_text_every_url_is(string text, string shown) => Assert.Equal(shown, UrlText.In(text));

    /// <summary>Only secrets have capital letters here.</summary>
    [Fact]
    public void No_part_of_a_secret_appears_whatever_characters_a_url_that_is_allowed_has()
    {
        const string Marks = "QXZ'\"`<>(){}[]|\\^,;:.!$&*+=~%_-";
        var userInfo = Gen.Char[Marks + "@"].Array[1, 12].Select(chars => new string(chars) + "Q@");
        var query = Gen.Char[Marks + "@/?#"].Array[1, 12].Select(chars => "?" + new string(chars) + "Q");
        var url = Gen.Select(Gen.OneOf(userInfo, Gen.Const("")), Gen.OneOf(query, Gen.Const("")))
            .Select((user, rest) => $"https://{user}repo.example:8443/jars/orders.jar{rest}");
        var text = Gen.Select(url, Gen.Int[0, 5]).Select((url, kind) => (Url: url, Text: kind switch
        {
            0 => url,
            1 => $"fetch of {url}: denied",
            2 => $"invalid value: \"{url.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)}\": too long",
            3 => url.Contains('\'', StringComparison.Ordinal) ? $"({url})" : $"not '{url}'.",
            4 => url.Contains('>', StringComparison.Ordinal) ? $"{url}, {url}" : $"<{url}>",
            _ => $"{url} {url}",
        }));

        text.Sample(sample =>
        {
            Assert.True(FieldLimits.Url.Allows(sample.Url), sample.Url);
            Assert.Equal("https://repo.example:8443/jars/orders.jar", UrlText.Of(sample.Url));
            var shown = UrlText.In(sample.Text);
            Assert.False(shown.Any(char.IsAsciiLetterUpper), $"{sample.Text} is shown as {shown}");
            Assert.Contains("https://repo.example:8443/jars/orders.jar", shown, StringComparison.Ordinal);
        });
    }
}
