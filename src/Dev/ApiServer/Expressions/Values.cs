using System.Globalization;
using System.Text.Json;

namespace ModuleController.Dev.ApiServer.Expressions;

/// <summary>The operators and functions of expressions, on values.</summary>
internal static class Values
{
    /// <remarks>Each case is cast: a JsonNode is made of any of these values without being asked.</remarks>
    public static object? Of(JsonNode? node) => node?.GetValueKind() switch
    {
        null or JsonValueKind.Null => null,
        JsonValueKind.True => (object)true,
        JsonValueKind.False => (object)false,
        JsonValueKind.String => (object)node.GetValue<string>(),
        JsonValueKind.Number => NumberOf(node.ToJsonString()),
        _ => node,
    };

    public static object NumberOf(string text) =>
        long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var whole) ? (object)whole
            : double.Parse(text, CultureInfo.InvariantCulture);

    public static JsonNode? ToJson(object? value) => value switch
    {
        null => null,
        bool flag => flag,
        long number => number,
        double number => number,
        string text => text,
        JsonNode node => node.DeepClone(),
        _ => throw NoOverload(),
    };

    public static object? Select(object? of, string field, bool isOptional)
    {
        if (of is Optional optional) return optional.HasValue ? Select(optional.Value, field, isOptional: true) : Optional.None;
        if (of is JsonObject fields && fields.TryGetPropertyValue(field, out var value))
            return isOptional ? new Optional(true, Of(value)) : Of(value);
        return isOptional ? Optional.None : throw (of is JsonObject or null ? NoKey(field) : NoOverload());
    }

    public static object? Index(object? of, object? key, bool isOptional)
    {
        if (of is Optional optional) return optional.HasValue ? Index(optional.Value, key, isOptional: true) : Optional.None;
        if (of is not JsonArray items) return key is string field ? Select(of, field, isOptional) : throw NoOverload();
        if (key is not long index) throw NoOverload();
        if (index >= 0 && index < items.Count)
            return isOptional ? new Optional(true, Of(items[(int)index])) : Of(items[(int)index]);
        return isOptional ? Optional.None : throw new EvaluationException($"index out of bounds: {index}");
    }

    public static bool Has(object? of, string field) => Select(of, field, isOptional: true) is Optional { HasValue: true };

    public static bool Flag(object? value) => value is bool flag ? flag : throw NoOverload();

    public static string Text(object? value) => value as string ?? throw NoOverload();

    public static IEnumerable<object?> Items(object? value) => value switch
    {
        JsonArray items => items.Select(Of),
        JsonObject fields => fields.Select(field => (object?)field.Key),
        _ => throw NoOverload(),
    };

    public static object Apply(string name, object? left, object? right) => name switch
    {
        "==" => AreEqual(left, right),
        "!=" => !AreEqual(left, right),
        "in" => right switch
        {
            JsonArray items => items.Any(item => AreEqual(Of(item), left)),
            JsonObject fields => left is string key && fields.ContainsKey(key),
            _ => throw NoOverload(),
        },
        "+" => (left, right) switch
        {
            (string one, string other) => one + other,
            (long one, long other) => one + other,
            _ => throw NoOverload(),
        },
        "<" => Compare(left, right) < 0,
        "<=" => Compare(left, right) <= 0,
        ">" => Compare(left, right) > 0,
        ">=" => Compare(left, right) >= 0,
        _ => throw new InvalidOperationException($"no operator {name}"),
    };

    public static object? Call(string name, object?[] arguments) => (name, arguments) switch
    {
        ("size", [string text]) => (long)text.EnumerateRunes().Count(),
        ("size", [JsonArray items]) => (long)items.Count,
        ("size", [JsonObject fields]) => (long)fields.Count,
        ("startsWith", [string text, string part]) => text.StartsWith(part, StringComparison.Ordinal),
        ("endsWith", [string text, string part]) => text.EndsWith(part, StringComparison.Ordinal),
        ("contains", [string text, string part]) => text.Contains(part, StringComparison.Ordinal),
        ("hasValue", [Optional optional]) => optional.HasValue,
        ("orValue", [Optional optional, var other]) => optional.HasValue ? optional.Value : other,
        ("optional.none", []) => Optional.None,
        _ => throw NoOverload(),
    };

    private static bool AreEqual(object? left, object? right) => (left, right) switch
    {
        (long or double, long or double) => Compare(left, right) == 0,
        (JsonNode one, JsonNode other) => JsonNode.DeepEquals(one, other),
        (Optional one, Optional other) => one.HasValue == other.HasValue && AreEqual(one.Value, other.Value),
        _ => Equals(left, right),
    };

    private static int Compare(object? left, object? right) => (left, right) switch
    {
        (string one, string other) => string.CompareOrdinal(one, other),
        (bool one, bool other) => one.CompareTo(other),
        (long one, long other) => one.CompareTo(other),
        (long or double, long or double) =>
            Convert.ToDouble(left, CultureInfo.InvariantCulture).CompareTo(Convert.ToDouble(right, CultureInfo.InvariantCulture)),
        _ => throw NoOverload(),
    };

    private static EvaluationException NoKey(string key) => new($"no such key: {key}");

    private static EvaluationException NoOverload() => new("no such overload");
}
