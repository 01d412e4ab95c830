using ModuleController.Core.Modules.Names;

namespace ModuleController.Core.Modules.Facts;

/// <summary>What makes a new release: name, version, and the request to install the same version once more. Where the jar
/// comes from is not part of it.</summary>
public sealed record Revision(string ModuleName, string Version, string? RedeployAt)
{
    public static Revision Of(ModuleTemplateSpec template) => new(
        template.Spec.Module.Name,
        template.Spec.Module.Version,
        template.Metadata.Annotations.GetValueOrDefault(Annotations.RedeployAt) is { Length: > 0 } at ? at : null);

    /// <summary>A hash of ten characters that identifies this revision in names and in <c>releaseStatus.updateRevision</c>.</summary>
    public string Hash(int collisions = 0) =>
        Hashes.Of($"{ModuleName}\n{Version}\n{RedeployAt}\n{(collisions == 0 ? "" : collisions)}")[..10];

    /// <summary>The ReplicaSet's name: computed, so that creating it twice is noticed. Leaves room for an ordinal (253 in all).</summary>
    public string ReplicaSetName(string deploymentName, int collisions = 0)
    {
        var prefix = deploymentName.Length <= 230 ? deploymentName : $"{deploymentName[..220]}-{Hashes.Short(deploymentName)}";
        return $"{prefix}-{Hash(collisions)}";
    }
}
