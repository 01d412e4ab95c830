using System.Collections.ObjectModel;
using ModuleController.Core.Meta;

namespace ModuleController.Core.Builtin.Configuration;

/// <summary>A Secret. Only those of one name are read: the controller's own certificates.</summary>
public sealed record Secret : IResource
{
    public static ResourceKind Kind { get; } = new("", "v1", "Secret", "secrets");

    public ObjectMeta Metadata { get; init => field = value ?? new(); } = new();

    public string? Type { get; init; }

    public IReadOnlyDictionary<string, byte[]> Data { get; init => field = value ?? ReadOnlyDictionary<string, byte[]>.Empty; } =
        ReadOnlyDictionary<string, byte[]>.Empty;
}
