using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;

namespace ModuleController.Core.Tests.Crds;

/// <summary>Schema and types are written by hand, each for its readers; this keeps them in step, name by name and type by type.</summary>
public class SchemaAndTypesTests
{
    /// <summary>What version 1 wrote and nobody here reads; the schema keeps it so that stored objects stay whole.</summary>
    private static readonly HashSet<string> OnlyInTheSchema =
    [
        "Module spec.selector", "Module spec.upgradePolicy", "Module status.last_transition_time",
        "ModuleDeployment status.conditions[].last_transition_time",
        "ModuleReplicaSet status.conditions[].last_transition_time",
        "ModuleReplicaSet status.unavailableReplicas", "ModuleReplicaSet status.updatedReplicas",
        "ModuleReplicaSet status.updatedReadyReplicas", "ModuleReplicaSet status.updatedAvailableReplicas",
        "ModuleReplicaSet status.upgradingReplicas", "ModuleReplicaSet status.currentReplicas",
        "ModuleReplicaSet status.collisionCount",
    ];

    public static TheoryData<string, Type> Kinds => new()
    {
        { "ModuleDeployment", typeof(ModuleDeployment) },
        { "ModuleReplicaSet", typeof(ModuleReplicaSet) },
        { "Module", typeof(Module) },
        { "ModuleTemplate", typeof(ModuleTemplate) },
    };

    [Theory, MemberData(nameof(Kinds))]
    public void A_schema_and_the_types_agree(string kind, Type type)
    {
        string[] ofEveryObject = ["apiVersion: text", "kind: text", "metadata: object"];
        var schema = Crd.All[kind].Fields()
            .Where(field => field.Path.Length > 0 && !OnlyInTheSchema.Any(known => IsAtOrBelow(known, $"{kind} {field.Path}")))
            .Select(field => $"{field.Path}: {SchemaShape(field.Path, field.Schema)}")
            .Except(ofEveryObject);
        var types = TypeShapes("", ModulesJson.Default.GetTypeInfo(type)!).Except(ofEveryObject);

        Assert.Equal(schema.Order(StringComparer.Ordinal), types.Order(StringComparer.Ordinal));
    }

    private static bool IsAtOrBelow(string known, string path) =>
        path.StartsWith(known, StringComparison.Ordinal) && (path.Length == known.Length || path[known.Length] is '.' or '[' or '{');

    private static string SchemaShape(string path, JsonObject schema) => (string?)schema["type"] switch
    {
        null when path.EndsWith("targetPort", StringComparison.Ordinal) => "number or port name",
        null => "number or percentage",
        "string" => (string?)schema["format"] == "date-time" ? "time" : "text",
        "integer" => (string?)schema["format"] == "int64" ? "long" : "integer",
        { } other => other,
    };

    private static IEnumerable<string> TypeShapes(string path, JsonTypeInfo info)
    {
        if (path.Length > 0) yield return $"{path}: {Shape(info)}";
        if (path == "metadata") yield break; // the API server's own
        var children = info.Kind switch
        {
            JsonTypeInfoKind.Object => info.Properties
                .Where(property => property.Get is not null)
                .Select(property => (Path: path.Length == 0 ? property.Name : $"{path}.{property.Name}", Type: property.PropertyType)),
            JsonTypeInfoKind.Enumerable => [($"{path}[]", info.ElementType!)],
            JsonTypeInfoKind.Dictionary => [($"{path}{{}}", info.ElementType!)],
            _ => [],
        };
        foreach (var (childPath, type) in children)
            foreach (var shape in TypeShapes(childPath, ModulesJson.Default.GetTypeInfo(type)!))
                yield return shape;
    }

    private static string Shape(JsonTypeInfo info) => info.Kind switch
    {
        JsonTypeInfoKind.Object => "object",
        JsonTypeInfoKind.Dictionary => "object",
        JsonTypeInfoKind.Enumerable => "array",
        _ => Scalar(Nullable.GetUnderlyingType(info.Type) ?? info.Type),
    };

    private static string Scalar(Type type) =>
        type == typeof(string) ? "text"
        : type == typeof(int) ? "integer"
        : type == typeof(long) ? "long"
        : type == typeof(double) ? "number"
        : type == typeof(bool) ? "boolean"
        : type == typeof(DateTimeOffset) ? "time"
        : type == typeof(IntOrPercent) ? "number or percentage"
        : type == typeof(PortOrName) ? "number or port name"
        : type.Name;
}
