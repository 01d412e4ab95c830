using System.Text.Json.Nodes;

namespace ModuleController.Core.Tests.Crds;

/// <summary>One of the CRDs of deploy/crds.</summary>
internal sealed record Crd(string Kind, JsonObject Document)
{
    public static IReadOnlyDictionary<string, Crd> All { get; } = RepositoryFiles.DeployManifests("crds")
        .Select(file => YamlDocuments.Read(file).Single())
        .Select(document => new Crd((string)document["spec"]!["names"]!["kind"]!, document))
        .ToDictionary(crd => crd.Kind);

    public static TheoryData<string> Kinds => [.. All.Keys];

    public JsonObject Names => Document["spec"]!["names"]!.AsObject();

    public JsonObject Version => Document["spec"]!["versions"]!.AsArray().Single()!.AsObject();

    public JsonObject Schema => Version["schema"]!["openAPIV3Schema"]!.AsObject();

    public IEnumerable<string> Columns => Version["additionalPrinterColumns"]!.AsArray().Select(column => (string)column!["name"]!);

    /// <summary>The schema of a field, by its path: <c>spec.template.spec.module</c>.</summary>
    public JsonObject Field(string path) => path.Split('.')
        .Aggregate(Schema, (schema, name) => schema["properties"]![name]!.AsObject());

    /// <summary>Each schema in the document with its path, the root's being empty.</summary>
    public IEnumerable<(string Path, JsonObject Schema)> Fields() => Below("", Schema);

    private static IEnumerable<(string Path, JsonObject Schema)> Below(string path, JsonObject schema)
    {
        yield return (path, schema);
        var children = (schema["properties"]?.AsObject() ?? [])
            .Select(property => (Path: path.Length == 0 ? property.Key : $"{path}.{property.Key}", Schema: property.Value!.AsObject()));
        if (schema["items"] is JsonObject items) children = children.Append((path + "[]", items));
        if (schema["additionalProperties"] is JsonObject values) children = children.Append((path + "{}", values));
        foreach (var (childPath, child) in children)
            foreach (var field in Below(childPath, child))
                yield return field;
    }
}
