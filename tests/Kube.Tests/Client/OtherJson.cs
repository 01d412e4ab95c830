using System.Text.Json.Serialization;
using ModuleController.Core.Meta;

namespace ModuleController.Kube.Tests.Client;

/// <summary>A kind of another context, whose options differ from those of the built-in kinds.</summary>
public sealed record Other : IResource
{
    public static ResourceKind Kind { get; } = new("test.io", "v1", "Other", "others");

    public ObjectMeta Metadata { get; init => field = value ?? new(); } = new();

    public string Shouted { get; init; } = "";
}

[JsonSerializable(typeof(Other))]
public sealed partial class OtherJson : JsonSerializerContext;
