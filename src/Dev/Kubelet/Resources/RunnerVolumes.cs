using System.Text.Json;
using System.Text.Json.Serialization;

namespace ModuleController.Dev.Kubelet.Resources;

/// <summary>A volume of a supported kind; for other kinds nothing is set.</summary>
public sealed record Volume(string Name, JsonElement? EmptyDir = null, ProjectedVolume? Projected = null)
{
    public ObjectVolume? ConfigMap { get; init; }

    public ObjectVolume? Secret { get; init; }

    [JsonPropertyName("downwardAPI")]
    public DownwardApiVolume? DownwardApi { get; init; }
}

/// <summary>A ConfigMap or Secret whose entries become files: all of them, or those in <paramref name="Items"/>.</summary>
/// <param name="SecretName">The name of a Secret outside of a projected volume.</param>
public sealed record ObjectVolume(
    string? Name = null, string? SecretName = null, IReadOnlyList<KeyToPath>? Items = null, bool? Optional = null, int? DefaultMode = null);

/// <param name="Mode">Permission bits; null: those of the volume.</param>
public sealed record KeyToPath(string Key, string Path, int? Mode = null);

/// <summary>Fields of the pod as files.</summary>
public sealed record DownwardApiVolume(IReadOnlyList<DownwardApiFile>? Items = null, int? DefaultMode = null);

public sealed record DownwardApiFile(string Path, FieldRef? FieldRef = null, int? Mode = null);

/// <summary>Files of several sources in one directory.</summary>
public sealed record ProjectedVolume(IReadOnlyList<ProjectedSource>? Sources = null, int? DefaultMode = null);

/// <summary>One of the sources is set; none if the source is unsupported.</summary>
public sealed record ProjectedSource(TokenProjection? ServiceAccountToken = null)
{
    public ObjectVolume? ConfigMap { get; init; }

    public ObjectVolume? Secret { get; init; }

    [JsonPropertyName("downwardAPI")]
    public DownwardApiVolume? DownwardApi { get; init; }
}

public sealed record TokenProjection(string Path, string? Audience = null, long? ExpirationSeconds = null);
