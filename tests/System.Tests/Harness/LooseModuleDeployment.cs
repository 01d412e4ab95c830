using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;

namespace ModuleController.SystemTests.Harness;

/// <summary>A ModuleDeployment as a user's manifest has it, whatever stands in it.</summary>
internal sealed record LooseModuleDeployment : IResource
{
    public static ResourceKind Kind => ModuleDeployment.Kind;

    public ObjectMeta Metadata { get; init => field = value ?? new(); } = new();

    public JsonElement Spec { get; init; }

    public JsonElement? Status { get; init; }

    public static LooseModuleDeployment Of(JsonObject manifest, string ns)
    {
        var read = manifest.Deserialize(LooseJson.Default.LooseModuleDeployment)!;
        return read with { Metadata = read.Metadata with { Namespace = ns } };
    }
}

/// <summary>How many objects of a kind a namespace may have.</summary>
internal sealed record ResourceQuota : IResource
{
    public static ResourceKind Kind { get; } = new("", "v1", "ResourceQuota", "resourcequotas");

    public ObjectMeta Metadata { get; init => field = value ?? new(); } = new();

    public JsonElement Spec { get; init; }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(LooseModuleDeployment))]
[JsonSerializable(typeof(ResourceQuota))]
internal sealed partial class LooseJson : JsonSerializerContext;
