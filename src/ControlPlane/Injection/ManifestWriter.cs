using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace ModuleController.ControlPlane.Injection;

/// <summary>
/// Writes objects as YAML that every reader types alike: strings that a version of YAML reads as a number or a boolean have quotes.
/// </summary>
internal static partial class ManifestWriter
{
    public static void Write(IReadOnlyList<JsonObject> documents, TextWriter output)
    {
        var settings = EmitterSettings.Default.WithBestWidth(int.MaxValue).WithNewLine("\n");
        for (var index = 0; index < documents.Count; index++)
        {
            if (index > 0) output.Write("---\n");
            var emitter = new Emitter(output, settings);
            emitter.Emit(new StreamStart());
            emitter.Emit(new DocumentStart());
            Write(emitter, documents[index]);
            emitter.Emit(new DocumentEnd(isImplicit: true));
            emitter.Emit(new StreamEnd());
        }
    }

    private static void Write(Emitter emitter, JsonNode? node)
    {
        switch (node)
        {
            case JsonObject item:
                emitter.Emit(new MappingStart(
                    AnchorName.Empty, TagName.Empty, true, item.Count == 0 ? MappingStyle.Flow : MappingStyle.Block));
                foreach (var (name, value) in item)
                {
                    emitter.Emit(Text(name, mayHaveLines: false));
                    Write(emitter, value);
                }

                emitter.Emit(new MappingEnd());
                break;
            case JsonArray list:
                emitter.Emit(new SequenceStart(
                    AnchorName.Empty, TagName.Empty, true, list.Count == 0 ? SequenceStyle.Flow : SequenceStyle.Block));
                foreach (var value in list) Write(emitter, value);
                emitter.Emit(new SequenceEnd());
                break;
            case not null when node.GetValueKind() == JsonValueKind.String:
                emitter.Emit(Text((string)node!, mayHaveLines: true));
                break;
            default:
                emitter.Emit(Plain(node?.ToJsonString() ?? "null"));
                break;
        }
    }

    private static Scalar Text(string text, bool mayHaveLines)
    {
        if (Unambiguous().IsMatch(text) && ManifestReader.Typed(text)?.GetValueKind() == JsonValueKind.String) return Plain(text);
        var style = mayHaveLines && Lines().IsMatch(text) ? ScalarStyle.Literal : ScalarStyle.DoubleQuoted;
        return new(AnchorName.Empty, TagName.Empty, text, style, isPlainImplicit: false, isQuotedImplicit: true);
    }

    private static Scalar Plain(string text) =>
        new(AnchorName.Empty, TagName.Empty, text, ScalarStyle.Plain, isPlainImplicit: true, isQuotedImplicit: false);

    // Begins with a letter or a slash, and has no character with a meaning: "a: b" and "a #b" do.
    [GeneratedRegex(@"^[A-Za-z/]([A-Za-z0-9_./@+=-]|:(?=[^\s:]))*\z")]
    private static partial Regex Unambiguous();

    // A script: lines of printable characters. The first begins with no space, since the indentation would be ambiguous.
    [GeneratedRegex(@"^[!-~]([ -~]*[!-~])?\n(([ -~]*[!-~])?\n)*([ -~]*[!-~])?\z")]
    private static partial Regex Lines();
}
