using System.Collections.ObjectModel;

namespace ModuleController.Core.Meta;

/// <summary>Selects objects by their labels, as in apps/v1.</summary>
public sealed record LabelSelector
{
    public IReadOnlyDictionary<string, string> MatchLabels { get; init => field = value ?? Empty; } = Empty;

    public IReadOnlyList<LabelRequirement> MatchExpressions { get; init => field = value ?? []; } = [];

    private static ReadOnlyDictionary<string, string> Empty => ReadOnlyDictionary<string, string>.Empty;

    /// <summary>The form that list and watch take: <c>app=shop,tier in (web,api),!canary</c>.</summary>
    public override string ToString() => string.Join(',',
        MatchLabels.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => $"{pair.Key}={pair.Value}")
            .Concat(MatchExpressions.Select(requirement => requirement.ToString())));
}

/// <summary>One expression of a selector; operators are In, NotIn, Exists and DoesNotExist.</summary>
public sealed record LabelRequirement(string Key, string Operator, IReadOnlyList<string>? Values = null)
{
    public override string ToString() => Operator switch
    {
        "In" => $"{Key} in ({string.Join(',', Values ?? [])})",
        "NotIn" => $"{Key} notin ({string.Join(',', Values ?? [])})",
        "DoesNotExist" => $"!{Key}",
        _ => Key,
    };
}
