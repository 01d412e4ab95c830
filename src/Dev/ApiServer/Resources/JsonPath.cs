using System.Text.RegularExpressions;

namespace ModuleController.Dev.ApiServer.Resources;

/// <summary>
/// The part of JSONPath that printer columns use: <c>.a.b</c>, <c>.a\.b</c> and <c>[?(@.type=="Ready")]</c>. A column
/// with anything else is refused.
/// </summary>
public static partial class JsonPath
{
    /// <summary>What reads the values at the path, several with commas as kubectl does; null where it is not understood.</summary>
    public static Func<JsonNode, JsonNode?>? TryParse(string text)
    {
        var steps = new List<Func<JsonNode?, IEnumerable<JsonNode?>>>();
        for (var rest = text.Trim().TrimStart('{').TrimEnd('}'); rest.Length > 0;)
        {
            var match = Step().Match(rest);
            if (!match.Success) return null;
            steps.Add(StepOf(match));
            rest = rest[match.Length..];
        }

        return tree =>
        {
            IEnumerable<JsonNode?> nodes = [tree];
            foreach (var step in steps) nodes = nodes.SelectMany(step);
            var found = nodes.OfType<JsonNode>().ToArray();
            return found.Length < 2 ? found.FirstOrDefault()?.DeepClone() : string.Join(',', found.Select(Shown));
        };
    }

    private static Func<JsonNode?, IEnumerable<JsonNode?>> StepOf(Match match)
    {
        var name = match.Groups["name"].Value.Replace("\\.", ".", StringComparison.Ordinal);
        if (name.Length > 0) return node => [node.At(name)];
        var field = match.Groups["field"].Value.Split('.', StringSplitOptions.RemoveEmptyEntries);
        var value = match.Groups["value"].Value;
        return node => (node as JsonArray ?? []).Where(item => item.At(field) is { } found && Shown(found) == value);
    }

    private static string Shown(JsonNode node) => node.Text() ?? node.ToCompact();

    [GeneratedRegex("""^(\.?\[\?\(\s*@(?<field>[\w.\-/]+)\s*==\s*['"](?<value>[^'"]*)['"]\s*\)\]|\.(?<name>(\\\.|[\w\-/])+))""")]
    private static partial Regex Step();
}
