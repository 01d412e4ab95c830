using ModuleController.Core.Modules;

namespace ModuleController.Core.Placement;

/// <summary>One ReplicaSet while its base is planned: what of it lives, and how that compares with its goal.</summary>
internal sealed class PlannedReplicaSet
{
    private readonly HashSet<string> _names;
    private readonly HashSet<string> _held;
    private int _nextOrdinal;

    public PlannedReplicaSet(ReplicaSetWithModules set, IEnumerable<Module> strays)
    {
        Set = set;
        _names = [.. set.Modules.Concat(strays).Select(module => module.Metadata.Name)];
        Live = [.. set.Modules.Where(module => !module.Metadata.IsDeleting).OrderBy(module => module.Metadata.Name, StringComparer.Ordinal)];
        _held = [.. Live.Select(module => module.Metadata.Uid!)];
    }

    public ReplicaSetWithModules Set { get; }

    public List<Module> Live { get; }

    /// <summary>Live Modules that leave as soon as their replacement lets them; they no longer count for the goal.</summary>
    public HashSet<string> Replaced { get; } = [];

    /// <summary>Above the goal: so many too many. Below zero: so many missing. Nothing is added to what is being orphaned.</summary>
    public int Surplus => OrphanedModules.AreLeftBy(Set.ReplicaSet) ? 0 : Live.Count - Replaced.Count - Set.Goal;

    public bool Holds(Module module) => _held.Contains(module.Metadata.Uid!);

    public void Remove(Module module)
    {
        if (!_held.Remove(module.Metadata.Uid!)) return;
        Live.RemoveAt(Live.FindIndex(other => other.Metadata.Uid == module.Metadata.Uid));
        Replaced.Remove(module.Metadata.Uid!);
    }

    /// <summary><c>shop-1a2b3c4d5e-0</c>: with the lowest ordinal that no Module has, a deleting one neither.</summary>
    public string NextName()
    {
        while (true)
        {
            var name = $"{Set.ReplicaSet.Metadata.Name}-{_nextOrdinal++}";
            if (_names.Add(name)) return name;
        }
    }
}

/// <summary>A place that a ReplicaSet wants filled: by a Module that waits, or by a new one.</summary>
/// <param name="Replaces">What the new one takes over from, on another pod.</param>
internal sealed record MissingModule(PlannedReplicaSet Set, Module? Waiting, Module? Replaces = null);
