using System.Collections.ObjectModel;
using System.Text.Json.Serialization;

namespace ModuleController.Core.Meta;

/// <summary>The metadata that we read. Collections are never null, also where the JSON has none.</summary>
public sealed record ObjectMeta
{
    // The setters turn null into empty: generated readers hand null to an init property that the JSON does not have.
    public string Name { get; init => field = value ?? ""; } = "";

    public string? GenerateName { get; init; }

    public string? Namespace { get; init; }

    public string? Uid { get; init; }

    public string? ResourceVersion { get; init; }

    public long Generation { get; init; }

    public DateTimeOffset? CreationTimestamp { get; init; }

    public DateTimeOffset? DeletionTimestamp { get; init; }

    public long? DeletionGracePeriodSeconds { get; init; }

    public IReadOnlyDictionary<string, string> Labels { get; init => field = value ?? Empty; } = Empty;

    public IReadOnlyDictionary<string, string> Annotations { get; init => field = value ?? Empty; } = Empty;

    public IReadOnlyList<OwnerReference> OwnerReferences { get; init => field = value ?? []; } = [];

    public IReadOnlyList<string> Finalizers { get; init => field = value ?? []; } = [];

    [JsonIgnore]
    public bool IsDeleting => DeletionTimestamp is not null;

    /// <summary>The one owner that controls this object, if any.</summary>
    [JsonIgnore]
    public OwnerReference? Controller => OwnerReferences.FirstOrDefault(owner => owner.Controller == true);

    private static ReadOnlyDictionary<string, string> Empty => ReadOnlyDictionary<string, string>.Empty;
}

/// <summary>Names the owner of an object; garbage collection waits for all owners.</summary>
public sealed record OwnerReference(
    string ApiVersion, string Kind, string Name, string Uid, bool? Controller = null, bool? BlockOwnerDeletion = null);
