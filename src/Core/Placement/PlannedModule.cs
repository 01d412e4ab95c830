using ModuleController.Core.Modules;

namespace ModuleController.Core.Placement;

/// <summary>A live Module, and the ReplicaSet that counts it.</summary>
internal sealed record PlannedModule(PlannedReplicaSet Set, Module Module)
{
    public string Uid => Module.Metadata.Uid!;

    public string Name => Module.Metadata.Name;

    /// <summary>Null while it is unbound.</summary>
    public string? PodUid => Module.Spec.PodUid;

    /// <summary>From now on it does not count for the goal: it is deleted as soon as its replacement allows that.</summary>
    public void MarkReplaced() => Set.Replaced.Add(Uid);

    public void UnmarkReplaced() => Set.Replaced.Remove(Uid);
}

/// <summary>A Module that a ReplicaSet lacks: one that waits for a pod, or one that does not exist yet.</summary>
/// <param name="Unbound">Null: it has to be created.</param>
/// <param name="Replaces">The Module that it takes over from, on another pod.</param>
internal sealed record MissingModule(PlannedReplicaSet Set, Module? Unbound, Module? Replaces = null);
