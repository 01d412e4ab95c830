using System.Text.Json.Serialization;
using ModuleController.Core.Meta;

namespace ModuleController.Core.Modules;

/// <summary>Generated readers and writers of our kinds.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    Converters = [typeof(KubeTimeConverter)])]
[JsonSerializable(typeof(ModuleDeployment))]
[JsonSerializable(typeof(ModuleReplicaSet))]
[JsonSerializable(typeof(Module))]
[JsonSerializable(typeof(ModuleTemplate))]
public sealed partial class ModulesJson : JsonSerializerContext;
