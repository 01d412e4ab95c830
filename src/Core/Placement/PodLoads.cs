namespace ModuleController.Core.Placement;

/// <summary>Which module names each pod has, observed and planned. Only <see cref="Add"/> changes it.</summary>
internal sealed class PodLoads
{
    private readonly Dictionary<string, HashSet<string>> _names;

    public PodLoads(PlacementState state)
    {
        Pods = state.Pods.ToDictionary(pod => pod.Uid);
        _names = state.Pods.ToDictionary(pod => pod.Uid, _ => new HashSet<string>());
        foreach (var module in state.Groups.SelectMany(group => group.Sets).SelectMany(set => set.Modules).Concat(state.Strays))
            if (module.Spec.PodUid is { } uid)
                Add(uid, module.Spec.Module.Name);
    }

    /// <summary>A copy, to try something out.</summary>
    public PodLoads(PodLoads other)
    {
        Pods = other.Pods;
        _names = other._names.ToDictionary(item => item.Key, item => item.Value.ToHashSet());
    }

    public IReadOnlyDictionary<string, CandidatePod> Pods { get; }

    // A name counts once: two versions of one module overlap only during an upgrade.
    public int Count(string podUid) => _names[podUid].Count;

    public bool Has(string podUid, string moduleName) => _names[podUid].Contains(moduleName);

    public void Add(string podUid, string moduleName)
    {
        if (_names.TryGetValue(podUid, out var names)) names.Add(moduleName);
    }

    /// <summary>There is a place for this module, also on a refused pod.</summary>
    public bool HasRoom(CandidatePod pod, string moduleName) => Has(pod.Uid, moduleName) || !(pod.MaxModules <= Count(pod.Uid));

    /// <summary>Why this pod does not take this module; null: it does.</summary>
    public string? Refusal(CandidatePod pod, string moduleName) =>
        Has(pod.Uid, moduleName) ? "already has a module of this name"
        : pod.Refusal ?? (pod.MaxModules <= Count(pod.Uid) ? "is full" : null);
}
