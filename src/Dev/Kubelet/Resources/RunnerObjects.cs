using System.Collections.ObjectModel;
using System.Text;
using ModuleController.Core.Meta;

namespace ModuleController.Dev.Kubelet.Resources;

/// <summary>An object whose entries are files of a volume.</summary>
internal interface IFiles : IResource
{
    IReadOnlyDictionary<string, byte[]> Files { get; }
}

/// <summary>The entries of a ConfigMap, text and binary.</summary>
public sealed record RunnerConfigMap : IFiles
{
    public static ResourceKind Kind { get; } = new("", "v1", "ConfigMap", "configmaps");

    public ObjectMeta Metadata { get; init => field = value ?? new(); } = new();

    public IReadOnlyDictionary<string, string> Data { get; init => field = value ?? ReadOnlyDictionary<string, string>.Empty; } =
        ReadOnlyDictionary<string, string>.Empty;

    public IReadOnlyDictionary<string, byte[]> BinaryData { get; init => field = value ?? ReadOnlyDictionary<string, byte[]>.Empty; } =
        ReadOnlyDictionary<string, byte[]>.Empty;

    IReadOnlyDictionary<string, byte[]> IFiles.Files => BinaryData
        .Concat(Data.Select(pair => KeyValuePair.Create(pair.Key, Encoding.UTF8.GetBytes(pair.Value)))).ToDictionary();
}

/// <summary>A Secret's data.</summary>
public sealed record RunnerSecret : IFiles
{
    public static ResourceKind Kind { get; } = new("", "v1", "Secret", "secrets");

    public ObjectMeta Metadata { get; init => field = value ?? new(); } = new();

    public IReadOnlyDictionary<string, byte[]> Data { get; init => field = value ?? ReadOnlyDictionary<string, byte[]>.Empty; } =
        ReadOnlyDictionary<string, byte[]>.Empty;

    IReadOnlyDictionary<string, byte[]> IFiles.Files => Data;
}

/// <summary>The account of a token.</summary>
public sealed record RunnerServiceAccount : IResource
{
    public static ResourceKind Kind { get; } = new("", "v1", "ServiceAccount", "serviceaccounts");

    public ObjectMeta Metadata { get; init => field = value ?? new(); } = new();
}
