using System.Text.Json;
using System.Text.Json.Serialization;
using ModuleController.Core.Meta;
using ModuleController.Dev.Load.Cleanup;

namespace ModuleController.Dev.Load.Clusters;

/// <summary>A CustomResourceDefinition, to be created as it stands in <c>deploy/crds</c>.</summary>
public sealed record CustomResourceDefinition : IResource
{
    public static ResourceKind Kind { get; } =
        new("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", IsNamespaced: false);

    public ObjectMeta Metadata { get; init => field = value ?? new(); } = new();

    public JsonElement Spec { get; init; }
}

/// <summary>Generated readers and writers of the kinds that only this program handles.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    Converters = [typeof(KubeTimeConverter)])]
[JsonSerializable(typeof(CustomResourceDefinition))]
[JsonSerializable(typeof(NamespaceState))]
public sealed partial class LoadJson : JsonSerializerContext;
