using System.Text.Json.Serialization;
using ModuleController.Core.Meta;

namespace ModuleController.Dev.Controllers;

/// <summary>Reads the metadata inside a template.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(ObjectMeta))]
internal sealed partial class MetaJson : JsonSerializerContext;
