namespace ModuleController.Core.Commands;

/// <summary>The artifact policy of each namespace.</summary>
public sealed record ArtifactPolicies
{
    /// <summary>Every artifact is allowed everywhere.</summary>
    public static ArtifactPolicies None { get; } = new();

    public IReadOnlyDictionary<string, ArtifactPolicy> Named { get; init; } = new Dictionary<string, ArtifactPolicy>();

    /// <summary>Of the namespaces that are not named.</summary>
    public ArtifactPolicy Others { get; init; } = ArtifactPolicy.None;

    public ArtifactPolicy Of(string? ns) => Named.GetValueOrDefault(ns ?? "", Others);
}
