using System.Collections.ObjectModel;

namespace ModuleController.Core.Meta;

/// <summary>Selects objects by their labels, as in apps/v1.</summary>
public sealed record LabelSelector
{
    public IReadOnlyDictionary<string, string> MatchLabels { get; init => field = value ?? Empty; } = Empty;

    public IReadOnlyList<LabelRequirement> MatchExpressions { get; init => field = value ?? []; } = [];

    private static ReadOnlyDictionary<string, string> Empty => ReadOnlyDictionary<string, string>.Empty;

    public bool Matches(IReadOnlyDictionary<string, string> labels) =>
        MatchLabels.All(wanted => labels.TryGetValue(wanted.Key, out var value) && value == wanted.Value)
        && MatchExpressions.All(requirement => requirement.Matches(labels));

    /// <summary>The form that list and watch take: <c>app=shop,tier in (web,api),!canary</c>.</summary>
    public override string ToString() => string.Join(',',
        MatchLabels.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => $"{pair.Key}={pair.Value}")
            .Concat(MatchExpressions.Select(requirement => requirement.ToString())));
}

/// <summary>One expression of a selector; operators are In, NotIn, Exists and DoesNotExist.</summary>
public sealed record LabelRequirement(string Key, string Operator, IReadOnlyList<string>? Values = null)
{
    public bool Matches(IReadOnlyDictionary<string, string> labels) => Operator switch
    {
        "In" => labels.TryGetValue(Key, out var value) && Values?.Contains(value) == true,
        "NotIn" => !labels.TryGetValue(Key, out var value) || Values?.Contains(value) != true,
        "Exists" => labels.ContainsKey(Key),
        "DoesNotExist" => !labels.ContainsKey(Key),
        _ => false,
    };

    public override string ToString() => Operator switch
    {
        "In" => $"{Key} in ({string.Join(',', Values ?? [])})",
        "NotIn" => $"{Key} notin ({string.Join(',', Values ?? [])})",
        "DoesNotExist" => $"!{Key}",
        _ => Key,
    };
}
