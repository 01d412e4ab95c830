using ModuleController.Core.Modules.Facts;

namespace ModuleController.Core.Placement;

/// <summary>Hands out the eligible pods for one module, best first, each once. They are sorted once: a placement changes the rank of
/// other pods only through their topology domain.</summary>
internal sealed class PodPicker
{
    private readonly Queue<List<Queue<CandidatePod>>> _ranks = new();
    private readonly Dictionary<string, int> _inDomain = [];

    /// <param name="filter">Null: all pods.</param>
    public PodPicker(PodLoads loads, string moduleName, SchedulingPolicy policy, Func<CandidatePod, bool>? filter = null)
    {
        var sign = policy == SchedulingPolicy.Scatter ? 1 : -1;
        foreach (var pod in loads.Pods.Values)
            if (loads.Has(pod.Uid, moduleName))
                _inDomain[pod.Domain] = _inDomain.GetValueOrDefault(pod.Domain) + 1;
        var ranks = loads.Pods.Values
            .Where(pod => loads.Refusal(pod, moduleName) is null && (filter is null || filter(pod)))
            .GroupBy(pod => (pod.IsDisrupted, !pod.IsNewest, sign * loads.Count(pod.Uid)))
            .OrderBy(rank => rank.Key);
        foreach (var rank in ranks)
            _ranks.Enqueue([.. rank.GroupBy(pod => pod.Domain).OrderBy(domain => domain.Key, StringComparer.Ordinal).Select(InOrder)]);
    }

    public bool HasNext
    {
        get
        {
            while (_ranks.TryPeek(out var domains) && domains.TrueForAll(domain => domain.Count == 0)) _ranks.Dequeue();
            return _ranks.Count > 0;
        }
    }

    /// <summary>The next best pod. Requires <see cref="HasNext"/>.</summary>
    public CandidatePod Next()
    {
        if (!HasNext) throw new InvalidOperationException("no eligible pod is left");
        var fewest = _ranks.Peek().Where(domain => domain.Count > 0)
            .MinBy(domain => _inDomain.GetValueOrDefault(domain.Peek().Domain))!;
        var pod = fewest.Dequeue();
        _inDomain[pod.Domain] = _inDomain.GetValueOrDefault(pod.Domain) + 1;
        return pod;
    }

    private static Queue<CandidatePod> InOrder(IEnumerable<CandidatePod> pods) =>
        new(pods.OrderByDescending(pod => pod.Headroom).ThenBy(pod => pod.Name, StringComparer.Ordinal));
}
