using System.Text.Json.Serialization;
using ModuleController.Core.Meta;

namespace ModuleController.ControlPlane.Access;

/// <summary>Generated JSON code of the reviews.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    Converters = [typeof(KubeTimeConverter)])]
[JsonSerializable(typeof(TokenReview))]
[JsonSerializable(typeof(SubjectAccessReview))]
public sealed partial class AccessJson : JsonSerializerContext;
