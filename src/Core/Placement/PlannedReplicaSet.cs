using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Facts;

namespace ModuleController.Core.Placement;

/// <summary>A ReplicaSet while its base is planned: its live Modules, compared with its goal.</summary>
internal sealed class PlannedReplicaSet
{
    private readonly HashSet<string> _names;
    private readonly HashSet<string> _held;
    private readonly int _awaited;
    private int _nextOrdinal;

    public PlannedReplicaSet(ReplicaSetWithModules set, IReadOnlyCollection<Module> strays)
    {
        Set = set;
        _names = [.. set.Modules.Concat(strays).Select(module => module.Metadata.Name)];
        var live = set.Modules.Where(module => !module.Metadata.IsDeleting);
        Live = [.. live.OrderBy(module => module.Metadata.Name, StringComparer.Ordinal)];
        _awaited = strays.Count(module => OrphanedModules.IsAwaitedBy(set.ReplicaSet, module));
        _held = [.. Live.Select(module => module.Metadata.Uid!)];
    }

    public ReplicaSetWithModules Set { get; }

    public List<Module> Live { get; }

    /// <summary>UIDs of live Modules that are deleted as soon as their replacement allows that. They do not count for the goal.</summary>
    public HashSet<string> Replaced { get; } = [];

    /// <summary>Modules above the goal; negative: missing ones. 0 while the Modules are being orphaned.</summary>
    public int Surplus => OrphanedModules.AreLeftBy(Set.ReplicaSet) ? 0 : Live.Count - Replaced.Count - Set.Goal;

    /// <summary>The Modules to create: without those that may still be adopted.</summary>
    public int Missing => Math.Max(0, -Surplus - _awaited);

    public bool Holds(Module module) => _held.Contains(module.Metadata.Uid!);

    public void Remove(Module module)
    {
        if (!_held.Remove(module.Metadata.Uid!)) return;
        Live.RemoveAt(Live.FindIndex(other => other.Metadata.Uid == module.Metadata.Uid));
        Replaced.Remove(module.Metadata.Uid!);
    }

    /// <summary><c>shop-1a2b3c4d5e-0</c>: with the lowest ordinal that no Module has, those that are being deleted included.</summary>
    public string NextName()
    {
        while (true)
        {
            var name = $"{Set.ReplicaSet.Metadata.Name}-{_nextOrdinal++}";
            if (_names.Add(name)) return name;
        }
    }
}
