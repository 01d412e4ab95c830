using System.Globalization;
using ModuleController.Core.Modules.Names;

namespace ModuleController.Core.Modules.Facts;

/// <summary>A ReplicaSet and its Modules, deleting ones included.</summary>
public sealed record ReplicaSetWithModules(ModuleReplicaSet ReplicaSet, IReadOnlyList<Module> Modules)
{
    public string Uid => ReplicaSet.Metadata.Uid!;

    /// <summary>How many Modules it should have: 0 while it is deleted, unless its Modules stay as orphans.</summary>
    public int Goal => OrphanedModules.AreLeftBy(ReplicaSet) ? Modules.Count(module => !module.Metadata.IsDeleting)
        : ReplicaSet.Metadata.IsDeleting ? 0
        : ReplicaSet.Spec.Replicas;

    public long Revision => long.TryParse(
        ReplicaSet.Metadata.Labels.GetValueOrDefault(Labels.Revision), CultureInfo.InvariantCulture, out var number) ? number : 0;

    public bool HasLiveModules => Modules.Any(module => !module.Metadata.IsDeleting);

    public int AvailableCount => Modules.Count(module => module.IsAvailable && !module.Metadata.IsDeleting);
}
