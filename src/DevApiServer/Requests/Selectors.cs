using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using ModuleController.DevApiServer.Resources;
using ModuleController.DevApiServer.Storage;

namespace ModuleController.DevApiServer.Requests;

/// <summary>Which objects a list, watch or deletecollection is about: namespace, label selector and field selector.</summary>
public sealed partial class Selection
{
    private readonly string _namespace;
    private readonly List<Func<JsonObject, bool>> _tests = [];

    private Selection(string ns) => _namespace = ns;

    public bool IsEverything => _tests.Count == 0;

    public static Selection From(ApiRequest request)
    {
        var selection = new Selection(request.Namespace);
        if (request.Name.Length > 0) selection._tests.Add(tree => tree.Text("metadata", "name") == request.Name);
        foreach (var term in Terms(request.Query("labelSelector"))) selection._tests.Add(LabelTest(term));
        foreach (var term in Terms(request.Query("fieldSelector"))) selection._tests.Add(FieldTest(term, request.Type));
        return selection;
    }

    public bool Matches(StoredObject stored) =>
        (_namespace.Length == 0 || stored.Namespace == _namespace) && _tests.TrueForAll(test => test(stored.Tree));

    /// <summary>Whether a LabelSelector, as Services and Deployments carry it, picks these labels; in text, for scale.</summary>
    public static string ToText(JsonNode? selector)
    {
        var terms = selector.Fields("matchLabels").Select(label => $"{label.Name}={label.Value.Text()}")
            .Concat(selector.Objects("matchExpressions").Select(Expression));
        return string.Join(',', terms);
    }

    private static string Expression(JsonObject expression)
    {
        var values = string.Join(',', expression.Texts("values"));
        return expression.Text("operator") switch
        {
            "In" => $"{expression.Text("key")} in ({values})",
            "NotIn" => $"{expression.Text("key")} notin ({values})",
            "Exists" => expression.Text("key")!,
            _ => $"!{expression.Text("key")}",
        };
    }

    /// <summary>Splits at the commas that are not within parentheses.</summary>
    private static IEnumerable<string> Terms(string text) =>
        CommaOutside().Split(text).Select(term => term.Trim()).Where(term => term.Length > 0);

    private static Func<JsonObject, bool> LabelTest(string term)
    {
        var match = LabelTerm().Match(term);
        if (!match.Success) throw Statuses.BadRequest($"unable to parse requirement: {term}");
        var key = match.Groups["key"].Value;
        if (Names.KeyError(key) is { } why)
            throw Statuses.BadRequest($"unable to parse requirement: key: Invalid value: \"{key}\": {why}");
        var values = match.Groups["values"].Value.Split(',').Select(value => value.Trim()).ToHashSet();
        if (values.Select(Names.LabelValueError).FirstOrDefault(error => error is not null) is { } wrong)
            throw Statuses.BadRequest($"unable to parse requirement: values: Invalid value: \"{match.Groups["values"].Value}\": {wrong}");
        string? Value(JsonObject tree) => tree.Text("metadata", "labels", key);
        if (match.Groups["absent"].Success) return tree => Value(tree) is null;
        return match.Groups["op"].Value.Trim() switch
        {
            "" => tree => Value(tree) is not null,
            "=" or "==" or "in" => tree => Value(tree) is { } value && values.Contains(value),
            "!=" or "notin" => tree => Value(tree) is not { } value || !values.Contains(value),
            var order => tree => long.TryParse(Value(tree), CultureInfo.InvariantCulture, out var number)
                && long.TryParse(values.First(), CultureInfo.InvariantCulture, out var limit)
                    && (order == ">" ? number > limit : number < limit),
        };
    }

    private static Func<JsonObject, bool> FieldTest(string term, ResourceType type)
    {
        var match = FieldTerm().Match(term);
        if (!match.Success) throw Statuses.BadRequest($"invalid selector: '{term}'; can't understand '{term}'");
        var (field, wanted) = (match.Groups["field"].Value, match.Groups["value"].Value);
        if (field is not "metadata.name" && !(field is "metadata.namespace" && type.IsNamespaced)
            && !type.SelectableFields.Contains(field))
            throw Statuses.BadRequest($"field label not supported: {field}");
        var path = field.Split('.');
        var isEqual = match.Groups["op"].Value != "!=";
        return tree =>
        {
            var value = tree.At(path);
            return ((value.Text() ?? (value is null ? field == "spec.unschedulable" ? "false" : ""
                : value.ToCompact())) == wanted) == isEqual;
        };
    }

    [GeneratedRegex(@",(?![^()]*\))")]
    private static partial Regex CommaOutside();

    [GeneratedRegex(@"^(?<absent>!)?\s*(?<key>[^\s=!<>,()]+)\s*((?<op>==|=|!=|>|<)\s*(?<values>[^\s=!<>,()]*)|(?<op>\s(in|notin))\s*\((?<values>[^()]*)\))?\z")]
    private static partial Regex LabelTerm();

    [GeneratedRegex(@"^(?<field>[^=!]+)(?<op>==|=|!=)(?<value>.*)\z")]
    private static partial Regex FieldTerm();
}
