using System.Text.Json;
using System.Text.RegularExpressions;

namespace ModuleController.DevApiServer.Resources;

/// <summary>
/// The part of JSONPath that printer columns use: <c>.a.b</c>, <c>['a.b']</c>, <c>.a\.b</c> and
/// <c>[?(@.type=="Ready")]</c>. Anything else is refused when the column is defined.
/// </summary>
public sealed partial class JsonPath
{
    private readonly List<Func<JsonNode, IEnumerable<JsonNode?>>> _steps = [];

    private JsonPath()
    {
    }

    public static JsonPath? TryParse(string text)
    {
        var path = new JsonPath();
        text = text.Trim().TrimStart('{').TrimEnd('}');
        for (var rest = text; rest.Length > 0;)
        {
            var match = Step().Match(rest);
            if (!match.Success) return null;
            path._steps.Add(StepOf(match));
            rest = rest[match.Length..];
        }

        return path;
    }

    /// <summary>The values at the path; several are shown with commas, as kubectl does.</summary>
    public JsonNode? Evaluate(JsonNode tree)
    {
        IEnumerable<JsonNode?> nodes = [tree];
        foreach (var step in _steps) nodes = nodes.OfType<JsonNode>().SelectMany(step);
        var found = nodes.Where(node => node is not null).ToArray();
        return found.Length switch
        {
            0 => null,
            1 => found[0]!.DeepClone(),
            _ => string.Join(',', found.Select(Shown)),
        };
    }

    private static string Shown(JsonNode? node) => node.Text() ?? node.ToCompact();

    private static Func<JsonNode, IEnumerable<JsonNode?>> StepOf(Match match)
    {
        if (match.Groups["filter"].Success)
        {
            var inner = match.Groups["filter"].Value.Split('.', StringSplitOptions.RemoveEmptyEntries);
            var wanted = match.Groups["value"].Value;
            return node => node is JsonArray array
                ? array.Where(item => item.At(inner) is { } field && Shown(field) == wanted) : [];
        }

        var name = match.Groups["quoted"].Success ? match.Groups["quoted"].Value
            : match.Groups["name"].Value.Replace("\\.", ".", StringComparison.Ordinal);
        return node => node.GetValueKind() == JsonValueKind.Object ? [node[name]] : [];
    }

    [GeneratedRegex("""^(\.?\[\?\(\s*@(?<filter>[\w.\-/]+)\s*==\s*['"](?<value>[^'"]*)['"]\s*\)\]|\.?\['(?<quoted>[^']+)'\]|\.(?<name>(\\\.|[\w\-/])+))""")]
    private static partial Regex Step();
}
