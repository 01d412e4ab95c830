using System.Text.RegularExpressions;

namespace ModuleController.Dev.ApiServer.Requests;

/// <summary>Selects the objects of a list or watch: namespace, label selector and field selector.</summary>
public sealed partial class Selection
{
    private readonly string _namespace;
    private readonly List<Func<JsonObject, bool>> _tests = [];

    private Selection(string ns) => _namespace = ns;

    public static Selection From(ApiRequest request)
    {
        var selection = new Selection(request.Namespace);
        if (request.Name.Length > 0) selection._tests.Add(tree => tree.Text("metadata", "name") == request.Name);
        foreach (var term in Terms(request.Query("labelSelector"))) selection._tests.Add(LabelTest(term));
        foreach (var term in Terms(request.Query("fieldSelector"))) selection._tests.Add(FieldTest(term, request.Type));
        return selection;
    }

    /// <summary>Whether it selects by more than the namespace.</summary>
    public bool IsSelective => _tests.Count > 0;

    public bool Matches(StoredObject stored) =>
        (_namespace.Length == 0 || stored.Namespace == _namespace) && _tests.TrueForAll(test => test(stored.Tree));

    /// <summary>The text of a LabelSelector as Deployments carry it, for scale.</summary>
    public static string ToText(JsonNode selector) => selector.Objects("matchExpressions").Any()
        ? throw Statuses.NotImplemented("the scale of what selects its pods by expressions")
        : string.Join(',', selector.Fields("matchLabels").Select(label => $"{label.Name}={label.Value.Text()}"));

    /// <summary>Splits at the commas that are not within parentheses.</summary>
    private static IEnumerable<string> Terms(string text) =>
        CommaOutside().Split(text).Select(term => term.Trim()).Where(term => term.Length > 0);

    private static Func<JsonObject, bool> LabelTest(string term)
    {
        var match = LabelTerm().Match(term);
        if (!match.Success)
            throw Statuses.BadRequest("unable to parse requirement: "
                + (term.Contains("===", StringComparison.Ordinal) ? "found '=', expected: identifier" : term));
        var key = match.Groups["key"].Value;
        if (Names.KeyError(key) is { } why)
            throw Statuses.BadRequest($"unable to parse requirement: key: Invalid value: \"{key}\": {why}");
        var values = match.Groups["values"].Value.Split(',').Select(value => value.Trim()).ToHashSet();
        if (values.Select(Names.LabelValueError).FirstOrDefault(error => error is not null) is { } wrong)
            throw Statuses.BadRequest($"unable to parse requirement: values[0][{key}]: Invalid value: "
                + $"\"{match.Groups["values"].Value}\": {wrong}");
        string? Value(JsonObject tree) => tree.Text("metadata", "labels", key);
        if (match.Groups["absent"].Success) return tree => Value(tree) is null;
        return match.Groups["op"].Value.Trim() switch
        {
            "" => tree => Value(tree) is not null,
            "=" or "==" or "in" => tree => Value(tree) is { } value && values.Contains(value),
            _ => tree => Value(tree) is not { } value || !values.Contains(value),
        };
    }

    private static Func<JsonObject, bool> FieldTest(string term, ResourceType type)
    {
        var match = FieldTerm().Match(term);
        if (!match.Success) throw Statuses.BadRequest($"invalid selector: '{term}'; can't understand '{term}'");
        var (field, requested) = (match.Groups["field"].Value, match.Groups["value"].Value);
        if (field is not "metadata.name" && !(field is "metadata.namespace" && type.IsNamespaced)
            && !type.SelectableFields.Contains(field))
            throw Statuses.BadRequest($"field label not supported: {field}");
        var path = field.Split('.');
        var isEqual = match.Groups["op"].Value != "!=";
        return tree =>
        {
            var value = tree.At(path);
            return (value is null ? "" : value.Text() ?? value.ToCompact()) == requested == isEqual;
        };
    }

    [GeneratedRegex(@",(?![^()]*\))")]
    private static partial Regex CommaOutside();

    [GeneratedRegex(@"^(?<absent>!)?\s*(?<key>[^\s=!<>,()]+)\s*"
        + @"((?<op>==|=|!=)\s*(?<values>[^\s=!<>,()]*)|(?<op>\s(in|notin))\s*\((?<values>[^()]*)\))?\z")]
    private static partial Regex LabelTerm();

    [GeneratedRegex(@"^(?<field>[^=!]+)(?<op>==|=|!=)(?<value>.*)\z")]
    private static partial Regex FieldTerm();
}
