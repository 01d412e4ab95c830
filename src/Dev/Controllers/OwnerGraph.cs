namespace ModuleController.Dev.Controllers;

/// <summary>All objects with their owners, and which of them have changed since they were last checked.</summary>
internal sealed class OwnerGraph
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, GarbageNode> _nodes = [];           // by uid
    private readonly Dictionary<string, HashSet<string>> _dependents = [];  // uids by the uid of the owner, which may not exist
    private readonly HashSet<string> _changed = [];

    public void Put(GarbageNode node)
    {
        lock (_lock)
        {
            if (_nodes.TryGetValue(node.Uid, out var previous))
            {
                Unlink(previous);
                _changed.UnionWith(previous.Owners.Select(owner => owner.Uid)); // one of them may wait for this object
            }

            _nodes[node.Uid] = node;
            foreach (var owner in node.Owners)
            {
                if (!_dependents.TryGetValue(owner.Uid, out var uids)) _dependents[owner.Uid] = uids = [];
                uids.Add(node.Uid);
                _changed.Add(owner.Uid);
            }

            _changed.Add(node.Uid);
            if (node.IsDeleting) _changed.UnionWith(_dependents.GetValueOrDefault(node.Uid, []));
        }
    }

    public void Remove(string uid)
    {
        lock (_lock)
        {
            if (!_nodes.Remove(uid, out var removed)) return;
            Unlink(removed);
            _changed.UnionWith(removed.Owners.Select(owner => owner.Uid));
            _changed.UnionWith(_dependents.GetValueOrDefault(uid, []));
        }
    }

    public void RemoveAll(DiscoveredResource kind)
    {
        lock (_lock)
        {
            foreach (var uid in _nodes.Values.Where(node => node.Resource == kind).Select(node => node.Uid).ToList()) Remove(uid);
        }
    }

    public GarbageNode? Find(string uid)
    {
        lock (_lock) return _nodes.GetValueOrDefault(uid);
    }

    public IReadOnlyList<GarbageNode> DependentsOf(GarbageNode owner)
    {
        lock (_lock) return [.. _dependents.GetValueOrDefault(owner.Uid, []).Select(uid => _nodes[uid])];
    }

    public void MarkChanged(string uid)
    {
        lock (_lock) _changed.Add(uid);
    }

    public void MarkAllChanged()
    {
        lock (_lock) _changed.UnionWith(_nodes.Keys);
    }

    /// <summary>The uids of objects that have changed since the last call.</summary>
    public IReadOnlyList<string> TakeChanged()
    {
        lock (_lock)
        {
            IReadOnlyList<string> taken = [.. _changed];
            _changed.Clear();
            return taken;
        }
    }

    private void Unlink(GarbageNode node)
    {
        foreach (var owner in node.Owners)
        {
            if (_dependents.TryGetValue(owner.Uid, out var uids) && uids.Remove(node.Uid) && uids.Count == 0) _dependents.Remove(owner.Uid);
        }
    }
}
