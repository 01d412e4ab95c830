using System.Text.Json.Nodes;
using CsCheck;
using ModuleController.ControlPlane.Injection;

namespace ModuleController.SystemTests.Injection;

/// <summary>YAML is typed as kubectl types it, and what is written is read again as it was.</summary>
public sealed class ManifestTextTests
{
    private static readonly string[] Awkward =
    [
        "", " ", "true", "no", "y", "~", "null", "0644", "1e3", "1_000", "0x1F", "10m", "1:30", "2001-01-01", "-", "- a", "a: b", "a #b",
        "a:", "#", "&a", "*a", "!t", "|", ">", "%", "@", "`", "'", "\"", "\\", "\t", "a\n", "a\nb", " a\nb\n", "a\n\n", "a\n  b\n",
        "a\r\nb", "ü", "🙂", "\u0001", "{a}", "[a]", "a,b", "https://h:1/p?q=1#f", "koupleless.io/inject", "=", "<<", ".5", "+1", "---",
        "...", "a \n", "\u2028",
    ];

    private static readonly Gen<string> Text = Gen.Frequency(
        (3, Gen.Int[0, Awkward.Length - 1].Select(index => Awkward[index])), (1, Gen.String[Gen.Char[' ', '~'], 0, 12]));

    private static readonly Gen<string> Json = Gen.Recursive<string>((depth, inner) => depth > 3
        ? Text.Select(text => JsonValue.Create(text).ToJsonString())
        : Gen.Frequency(
            (3, Text.Select(text => JsonValue.Create(text).ToJsonString())),
            (1, Gen.Int.Select(number => JsonValue.Create(number).ToJsonString())),
            (1, Gen.Double[-1e9, 1e9].Select(number => JsonValue.Create(number).ToJsonString())),
            (1, Gen.Int[0, 2].Select(which => ((string[])["true", "false", "null"])[which])),
            (2, inner.Array[0, 3].Select(items => $"[{string.Join(',', items)}]")),
            (2, Object(inner))));

    [Theory]
    [InlineData("0644", "420")]
    [InlineData("0o644", "420")]
    [InlineData("-0x1F", "-31")]
    [InlineData("08", "8")]
    [InlineData("1e3", "1000")]
    [InlineData("12.50", "12.5")]
    [InlineData("yes", "true")]
    [InlineData("Off", "false")]
    [InlineData("~", "null")]
    [InlineData("\"0644\"", "\"0644\"")]
    [InlineData("'yes'", "\"yes\"")]
    [InlineData("!!str 12", "\"12\"")]
    [InlineData("10m", "\"10m\"")]
    [InlineData("1.2.3", "\"1.2.3\"")]
    [InlineData(".inf", "\".inf\"")]
    public void A_scalar_has_the_type_that_kubectl_gives_it(string yaml, string json) =>
        Assert.Equal(json, ManifestReader.Read(new StringReader($"a: {yaml}"))[0]["a"]?.ToJsonString() ?? "null");

    [Fact]
    public void What_is_written_is_read_again_as_it_was() => Object(Json).Array[1, 3].Sample(documents =>
    {
        var before = documents.Select(document => JsonNode.Parse(document)!.AsObject()).ToList();
        using var text = new StringWriter();
        ManifestWriter.Write(before, text);
        var after = ManifestReader.Read(new StringReader(text.ToString()));

        Assert.Equal(before.Select(document => document.ToJsonString()), after.Select(document => document.ToJsonString()));
    }, iter: 1000);

    [Fact]
    public void Scripts_keep_their_lines() =>
        Assert.Equal("a: |\n  one\n    two\n  three\n", Written("{\"a\":\"one\\n  two\\nthree\\n\"}"));

    private static string Written(string json)
    {
        using var text = new StringWriter();
        ManifestWriter.Write([JsonNode.Parse(json)!.AsObject()], text);
        return text.ToString();
    }

    private static Gen<string> Object(Gen<string> value) => Gen.Select(Text, value).Array[0, 4].Select(pairs => new JsonObject(
        pairs.Where(pair => pair.Item1 != "<<").DistinctBy(pair => pair.Item1)
            .Select(pair => KeyValuePair.Create(pair.Item1, JsonNode.Parse(pair.Item2)))).ToJsonString());
}
