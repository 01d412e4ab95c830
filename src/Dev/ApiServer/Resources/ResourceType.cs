namespace ModuleController.Dev.ApiServer.Resources;

/// <summary>A column that tables show for a resource.</summary>
public sealed record Column(string Name, string Type, Func<JsonObject, DateTimeOffset, JsonNode?> Cell)
{
    public string Format { get; init; } = "";

    public string Description { get; init; } = "";

    /// <summary>0: always shown; higher: only with <c>-o wide</c>.</summary>
    public int Priority { get; init; }
}

/// <summary>The fields of a scalable resource that the scale subresource shows.</summary>
public sealed record ScalePaths(string[] SpecReplicas, string[] StatusReplicas, string[]? Selector);

/// <summary>A served resource: its names, schema and verbs.</summary>
public sealed record ResourceType
{
    public required string Group { get; init; }
    public required string Version { get; init; }
    public required string Plural { get; init; }
    public required string Kind { get; init; }
    public required bool IsNamespaced { get; init; }
    public required Schema Schema { get; init; }
    public string Singular { get; init => field = value.Length == 0 ? Kind.ToLowerInvariant() : value; } = "";
    public string ListKind { get; init; } = "";
    public IReadOnlyList<string> ShortNames { get; init; } = [];
    public IReadOnlyList<string> Categories { get; init; } = [];
    public IReadOnlyList<Column> Columns { get; init; } = [];
    public ScalePaths? Scale { get; init; }
    public bool HasStatus { get; init; }
    public bool HasGeneration { get; init; }
    public bool IsCustom { get; init; }

    /// <summary>Fields besides <c>metadata.name</c> and <c>metadata.namespace</c> that a field selector may name.</summary>
    public IReadOnlyList<string> SelectableFields { get; init; } = [];

    /// <summary>Subresources besides status and scale: (name, kind, verbs).</summary>
    public IReadOnlyList<Subresource> Subresources { get; init; } = [];

    /// <summary>Whether a PUT may omit the resource version and overwrite any version.</summary>
    public bool AllowsUnconditionalUpdate { get; init; } = true;

    /// <summary>Reviews: they are answered, never stored.</summary>
    public bool IsOnlyCreated { get; init; }

    public string Resource => Group.Length == 0 ? Plural : $"{Plural}.{Group}";

    public string ApiVersion => Group.Length == 0 ? Version : $"{Group}/{Version}";

    /// <summary>The path of the group and version: "api/v1", "apis/apps/v1".</summary>
    public string Root => Group.Length == 0 ? $"api/{Version}" : $"apis/{Group}/{Version}";
}

/// <summary>A subresource as discovery lists it.</summary>
public sealed record Subresource(string Name, string Kind, string Verbs, string Group = "", string Version = "");
