namespace ModuleController.Dev.ApiServer.Admission;

/// <summary>A LabelSelector of an API object. An empty one matches everything.</summary>
internal sealed class LabelSelector(JsonNode? selector)
{
    private readonly (string Key, string? Value)[] _labels =
        [.. selector.Fields("matchLabels").Select(label => (label.Name, label.Value.Text()))];

    private readonly (string Key, string? Operator, string[] Values)[] _terms = [.. selector.Objects("matchExpressions")
        .Select(term => (term.Text("key") ?? "", term.Text("operator"), term.Texts("values").ToArray()))];

    public bool IsEmpty => _labels is [] && _terms is [];

    /// <summary>Whether it selects an object by its labels.</summary>
    public bool Matches(JsonObject? tree)
    {
        string? Label(string key) => tree.Text("metadata", "labels", key);
        return IsEmpty || (tree is not null
            && Array.TrueForAll(_labels, one => Label(one.Key) is { } value && value == one.Value)
            && Array.TrueForAll(_terms, term => term.Operator switch
            {
                "In" => Label(term.Key) is { } value && term.Values.Contains(value),
                "NotIn" => Label(term.Key) is not { } value || !term.Values.Contains(value),
                "Exists" => Label(term.Key) is not null,
                _ => Label(term.Key) is null,
            }));
    }
}
