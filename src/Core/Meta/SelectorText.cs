using System.Text.RegularExpressions;

namespace ModuleController.Core.Meta;

/// <summary>Reads a label selector as kubectl takes it: <c>app=shop,tier in (web,api),!canary</c>.</summary>
public static partial class SelectorText
{
    private const int MaxName = 63;
    private const int MaxPrefix = 253;

    /// <summary>Null: it is none, and the error says from where on. An empty text selects everything.</summary>
    public static LabelSelector? Parse(string text, out string error)
    {
        error = "";
        var requirements = new List<LabelRequirement>();
        if (string.IsNullOrWhiteSpace(text)) return new();
        for (Match match = Requirement().Match(text); ; match = Requirement().Match(text, match.Index + match.Length))
        {
            if (!match.Success || Read(match) is not { } requirement)
            {
                error = $"is no label selector from requirement {requirements.Count + 1} on";
                return null;
            }

            requirements.Add(requirement);
            if (!match.Groups["comma"].Success) return new() { MatchExpressions = requirements };
        }
    }

    /// <summary>Whether an object with these labels is selected. One without the key is selected by <c>!=</c> and <c>notin</c>.</summary>
    public static bool Matches(this LabelSelector selector, IReadOnlyDictionary<string, string> labels) =>
        selector.MatchLabels.All(pair => labels.TryGetValue(pair.Key, out var value) && value == pair.Value)
        && selector.MatchExpressions.All(requirement => labels.TryGetValue(requirement.Key, out var value)
            ? requirement.Operator switch
            {
                "In" => requirement.Values!.Contains(value),
                "NotIn" => !requirement.Values!.Contains(value),
                var other => other == "Exists",
            }
            : requirement.Operator is "NotIn" or "DoesNotExist");

    private static LabelRequirement? Read(Match match)
    {
        var (key, comparison) = (match.Groups["key"].Value, match.Groups["operator"].Value);
        string[] values = match.Groups["value"] is { Success: true } one ? [one.Value]
            : match.Groups["values"] is { Success: true } several ? several.Value.Split(',', StringSplitOptions.TrimEntries)
            : [];
        if (!IsKey(key) || !values.All(IsValue) || (match.Groups["not"].Success && comparison.Length > 0)) return null;
        return comparison switch
        {
            "" => new(key, match.Groups["not"].Success ? "DoesNotExist" : "Exists"),
            "=" or "==" or "in" => new(key, "In", values),
            _ => new(key, "NotIn", values),
        };
    }

    private static bool IsKey(string key) => key.Split('/') switch
    {
        [var name] => name.Length > 0 && IsValue(name),
        [var prefix, var name] => name.Length > 0 && IsValue(name) && prefix.Length <= MaxPrefix && Prefix().IsMatch(prefix),
        _ => false,
    };

    private static bool IsValue(string value) => value.Length <= MaxName && Value().IsMatch(value);

    [GeneratedRegex(
        @"\G\s*(?:(?<not>!)\s*)?(?<key>[\w./-]+)\s*(?:(?<operator>==|=|!=)\s*(?<value>[\w.-]*)|(?<=\s)(?<operator>in|notin)\s*\((?<values>[^()]*)\))?"
        + @"\s*(?:(?<comma>,)|\z)",
        RegexOptions.ExplicitCapture)]
    private static partial Regex Requirement();

    [GeneratedRegex(@"\A([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?\z")]
    private static partial Regex Value();

    [GeneratedRegex(@"\A[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\z")]
    private static partial Regex Prefix();
}
