namespace ModuleController.Kube.Hosting;

/// <summary>
/// Names one process in a lease, and where agents reach it: <c>controller-7d4f_5a1c…@10.0.3.7:7443</c>. The id makes each
/// life of a pod's container another holder, so that each acquisition raises the epoch.
/// </summary>
public sealed record LeaderIdentity(string Name, string Id, string? Address = null)
{
    /// <summary>A new one for this process.</summary>
    public static LeaderIdentity Create(string name, string? address = null) => new(name, Guid.NewGuid().ToString("N"), address);

    /// <summary>Null for no holder. A holder that is not one of ours has only a name.</summary>
    public static LeaderIdentity? Parse(string? holder)
    {
        if (string.IsNullOrEmpty(holder)) return null;
        var at = holder.IndexOf('@', StringComparison.Ordinal);
        var (left, address) = at < 0 ? (holder, null) : (holder[..at], holder[(at + 1)..]);
        var separator = left.LastIndexOf('_');
        return separator < 0 ? new(left, "", address) : new(left[..separator], left[(separator + 1)..], address);
    }

    public override string ToString() => Address is null ? $"{Name}_{Id}" : $"{Name}_{Id}@{Address}";
}
