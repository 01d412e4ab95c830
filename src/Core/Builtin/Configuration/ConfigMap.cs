using System.Collections.ObjectModel;
using ModuleController.Core.Meta;

namespace ModuleController.Core.Builtin.Configuration;

/// <summary>A ConfigMap. Only those of one name are read: the authorities that agents trust.</summary>
public sealed record ConfigMap : IResource
{
    public static ResourceKind Kind { get; } = new("", "v1", "ConfigMap", "configmaps");

    public ObjectMeta Metadata { get; init => field = value ?? new(); } = new();

    public IReadOnlyDictionary<string, string> Data { get; init => field = value ?? ReadOnlyDictionary<string, string>.Empty; } =
        ReadOnlyDictionary<string, string>.Empty;
}
