using System.Text.Json.Serialization;
using ModuleController.Core.Meta;

namespace ModuleController.Dev.Kubelet.Resources;

/// <summary>Generated readers and writers of the kinds that the kubelet and the small controllers handle.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    Converters = [typeof(KubeTimeConverter)])]
[JsonSerializable(typeof(RunnerPod))]
[JsonSerializable(typeof(RunnerConfigMap))]
[JsonSerializable(typeof(RunnerSecret))]
[JsonSerializable(typeof(RunnerServiceAccount))]
[JsonSerializable(typeof(IReadOnlyList<Container>))]
public sealed partial class KubeletJson : JsonSerializerContext;
