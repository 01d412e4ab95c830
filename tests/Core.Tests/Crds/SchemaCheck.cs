using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace ModuleController.Core.Tests.Crds;

/// <summary>
/// Checks a value against a structural schema and names the field of each error. It knows the keywords that our CRDs use and
/// refuses others; a field that the schema does not have, which an API server would drop, counts as an error.
/// </summary>
internal static partial class SchemaCheck
{
    private static readonly HashSet<string> Known =
    [
        "type", "description", "format", "properties", "required", "additionalProperties", "items", "enum", "minimum", "maximum",
        "minLength", "maxLength", "maxProperties", "anyOf", "x-kubernetes-int-or-string", "x-kubernetes-validations",
        "x-kubernetes-list-type", "x-kubernetes-list-map-keys", "x-kubernetes-map-type",
    ];

    public static IEnumerable<string> Errors(JsonObject schema, JsonNode? value, string path = "")
    {
        if (schema.FirstOrDefault(keyword => !Known.Contains(keyword.Key)).Key is { } unknown)
            throw new NotSupportedException($"{path}: the schema keyword {unknown} is not checked here");

        return TypeError(schema, value) is { } error ? [$"{path}: {error}"] : value switch
        {
            JsonObject fields when path == "metadata" => fields.Count > 0 ? [] : ["metadata: is empty"],
            JsonObject fields => FieldErrors(schema, fields, path).Concat(KeyErrors(schema, fields, path)),
            JsonArray items => items.SelectMany((item, index) => Errors(schema["items"]!.AsObject(), item, $"{path}[{index}]")),
            _ => ScalarErrors(schema, value!.AsValue()).Select(message => $"{path}: {message}"),
        };
    }

    private static string? TypeError(JsonObject schema, JsonNode? value)
    {
        var actual = value?.GetValueKind() switch
        {
            JsonValueKind.Object => "object",
            JsonValueKind.Array => "array",
            JsonValueKind.String => "string",
            JsonValueKind.True or JsonValueKind.False => "boolean",
            JsonValueKind.Number => value.AsValue().TryGetValue<long>(out _) ? "integer" : "number",
            _ => "null",
        };
        string[] allowed = (string?)schema["type"] switch
        {
            "number" => ["number", "integer"],
            { } type => [type],
            null => ["integer", "string"],      // x-kubernetes-int-or-string
        };
        return allowed.Contains(actual) ? null : $"is {actual}, must be {string.Join(" or ", allowed)}";
    }

    private static IEnumerable<string> FieldErrors(JsonObject schema, JsonObject value, string path)
    {
        var prefix = path.Length == 0 ? "" : path + ".";
        foreach (var name in schema["required"]?.AsArray() ?? [])
            if (!value.ContainsKey((string)name!))
                yield return $"{prefix}{name}: is required";

        var properties = schema["properties"]?.AsObject();
        foreach (var (name, child) in value)
        {
            if ((properties?[name] ?? schema["additionalProperties"]) is not JsonObject childSchema)
                yield return $"{prefix}{name}: is no field";
            else
                foreach (var error in Errors(childSchema, child, prefix + name))
                    yield return error;
        }
    }

    private static IEnumerable<string> ScalarErrors(JsonObject schema, JsonValue value)
    {
        if (schema["enum"] is JsonArray allowed && !allowed.Any(one => JsonNode.DeepEquals(one, value)))
            yield return $"is none of {allowed.ToJsonString()}";
        if (value.TryGetValue<double>(out var number))
        {
            if ((double?)schema["minimum"] > number) yield return $"is less than {schema["minimum"]}";
            if ((double?)schema["maximum"] < number) yield return $"is greater than {schema["maximum"]}";
        }
        if (value.TryGetValue<string>(out var text))
        {
            if ((int?)schema["minLength"] > text.Length) yield return $"is shorter than {schema["minLength"]}";
            if ((int?)schema["maxLength"] < text.Length) yield return $"is longer than {schema["maxLength"]}";
            foreach (var broken in BrokenRules(schema, text)) yield return broken;
        }
    }

    private static IEnumerable<string> KeyErrors(JsonObject schema, JsonObject fields, string path) =>
        fields.SelectMany(field => BrokenRules(schema, field.Key)).Select(message => $"{path}: {message}");

    // Of a rule only the expression is read; that is where texts and keys differ.
    private static IEnumerable<string> BrokenRules(JsonObject schema, string text) =>
        (schema["x-kubernetes-validations"]?.AsArray() ?? [])
            .Where(rule => Expression().Match((string)rule!["rule"]!) is { Success: true } match
                && !Regex.IsMatch(text, match.Groups[1].Value, RegexOptions.NonBacktracking))
            .Select(rule => (string)rule!["message"]!);

    [GeneratedRegex(@"\.matches\(r'([^']*)'\)")]
    private static partial Regex Expression();
}
