using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace ModuleController.ControlPlane.Injection;

/// <summary>Reads the objects of a manifest: YAML or JSON, one or several documents, typed as kubectl types them.</summary>
internal static partial class ManifestReader
{
    // Aliases can make a small document large or endless.
    private const int MaxNodes = 1_000_000;
    private const int MaxDepth = 200;

    /// <summary>Empty documents are left out.</summary>
    /// <exception cref="FormatException">The text is not YAML, or a document is not an object.</exception>
    public static IReadOnlyList<JsonObject> Read(TextReader text)
    {
        var stream = new YamlStream();
        try
        {
            stream.Load(text);
        }
        catch (YamlException exception)
        {
            throw Invalid(exception.Start, exception.Message);
        }

        var conversion = new Conversion();
        return [.. stream.Documents.Select(document => ToObject(conversion, document.RootNode)).OfType<JsonObject>()];
    }

    private static JsonObject? ToObject(Conversion conversion, YamlNode root) => conversion.ToJson(root, 0) switch
    {
        null => null,
        JsonObject item => item,
        _ => throw Invalid(root.Start, "the document is not an object"),
    };

    /// <summary>The value of a plain scalar by the rules of YAML 1.1, which kubectl uses: <c>0644</c> is 420, <c>yes</c> is true.</summary>
    internal static JsonNode? Typed(string text) => text switch
    {
        "" or "~" or "null" or "Null" or "NULL" => null,
        "true" or "True" or "TRUE" or "yes" or "Yes" or "YES" or "on" or "On" or "ON" or "y" or "Y" => true,
        "false" or "False" or "FALSE" or "no" or "No" or "NO" or "off" or "Off" or "OFF" or "n" or "N" => false,
        _ when Octal().Match(text) is { Success: true } octal => Signed(octal, 8),
        _ when Hexadecimal().Match(text) is { Success: true } hexadecimal => Signed(hexadecimal, 16),
        _ => Number().IsMatch(text) ? NumberOf(text) : text,
    };

    private static JsonNode? NumberOf(string text) =>
        long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var integer) ? integer
        : double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number) ? number
        : text;

    private static JsonNode Signed(Match match, int radix)
    {
        var number = Convert.ToInt64(match.Groups["digits"].Value, radix);
        return match.Groups["sign"].Value == "-" ? -number : number;
    }

    private static FormatException Invalid(Mark at, string problem) =>
        new(string.Create(CultureInfo.InvariantCulture, $"line {at.Line}, column {at.Column}: {problem}"));

    /// <summary>Counts the nodes of a whole manifest.</summary>
    private sealed class Conversion
    {
        private int _remaining = MaxNodes;

        public JsonNode? ToJson(YamlNode node, int depth)
        {
            if (--_remaining < 0 || depth > MaxDepth) throw Invalid(node.Start, "the manifest is too large or too deep");
            return node switch
            {
                YamlMappingNode map => new JsonObject(
                    map.Children.Select(pair => KeyValuePair.Create(Key(pair.Key), ToJson(pair.Value, depth + 1)))),
                YamlSequenceNode list => new JsonArray([.. list.Children.Select(child => ToJson(child, depth + 1))]),
                YamlScalarNode { Style: ScalarStyle.Plain, Tag.IsEmpty: true } plain => Typed(plain.Value ?? ""),
                YamlScalarNode text => text.Value,
                _ => throw Invalid(node.Start, $"a {node.NodeType} is not supported"),
            };
        }

        private static string Key(YamlNode node) => node is YamlScalarNode { Value: { } name } && name != "<<"
            ? name : throw Invalid(node.Start, "a key must be a string, and merge keys are not supported");
    }

    [GeneratedRegex(@"^(?<sign>[-+]?)0o?(?<digits>[0-7]{1,20})\z")]
    private static partial Regex Octal();

    [GeneratedRegex(@"^(?<sign>[-+]?)0x(?<digits>[0-9a-fA-F]{1,15})\z")]
    private static partial Regex Hexadecimal();

    [GeneratedRegex(@"^[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?\z")]
    private static partial Regex Number();
}
