using System.Text.RegularExpressions;

namespace ModuleController.Dev.ApiServer.Resources;

/// <summary>
/// What a value may be: a CustomResourceDefinition's structural schema, or that of a built-in type. Parsed once; pruning,
/// defaulting, validation, strategic merge and OpenAPI are a recursion over it each.
/// </summary>
public sealed class Schema
{
    /// <summary>The name under which a built-in type stands in OpenAPI; null for anything written in place.</summary>
    public string? Name { get; init; }

    /// <summary>As the author of a CustomResourceDefinition wrote it, for OpenAPI.</summary>
    public JsonObject? Source { get; set; }

    public string? Type { get; set; }
    public string? Format { get; set; }
    public bool Nullable { get; set; }
    public Dictionary<string, Schema> Properties { get; set; } = [];
    public Schema? AdditionalProperties { get; set; }
    public Schema? Items { get; set; }
    public IReadOnlyList<string> Required { get; set; } = [];
    public IReadOnlyList<JsonNode?> Enum { get; set; } = [];
    public double? Minimum { get; set; }
    public double? Maximum { get; set; }
    public long? MinLength { get; set; }
    public long? MaxLength { get; set; }
    public long? MinItems { get; set; }
    public long? MaxItems { get; set; }
    public long? MaxProperties { get; set; }
    public JsonNode? Default { get; set; }
    public bool PreserveUnknownFields { get; set; }
    public bool IntOrString { get; set; }
    public Regex? Pattern { get; set; }

    /// <summary>The pattern as its author wrote it, for messages.</summary>
    public string? PatternText { get; set; }

    /// <summary>atomic, set or map; for built-ins a map is what strategic merge patches merge by key.</summary>
    public string? ListType { get; set; }

    public IReadOnlyList<string> ListMapKeys { get; set; } = [];

    /// <summary>What an object of this schema must fulfil besides, alone and compared with its previous state.</summary>
    public IReadOnlyList<Rule> Rules { get; set; } = [];

    /// <summary>What tells an item of this list from others; null: nothing but its position.</summary>
    public string? Identity(JsonNode? item) => ListType switch
    {
        "map" => string.Join('|', ListMapKeys.Select(key => item.At(key).ToCompact())),
        "set" => item.ToCompact(),
        _ => null,
    };

    /// <summary>The previous state of an item; only in a list of type map does it have one.</summary>
    public JsonNode? Previous(JsonArray? before, JsonNode? item) =>
        ListType == "map" ? before?.FirstOrDefault(one => Identity(one) == Identity(item)) : null;
}
