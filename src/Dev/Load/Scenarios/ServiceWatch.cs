using System.Globalization;
using ModuleController.Core.Modules;
using ModuleController.Dev.Load.Clusters;
using ModuleController.Kube.Client;

namespace ModuleController.Dev.Load.Scenarios;

/// <summary>
/// Looks at every state of every Module, in the order of the API server, by a watch of its own: a cache may skip some. It
/// notes the most that were ever unavailable, and what no release may do.
/// </summary>
internal sealed class ServiceWatch : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _lock = new();
    private readonly LoadCluster _cluster;
    private readonly Dictionary<string, Follower> _followers;
    private readonly List<string> _problems = [];
    private Task _following = Task.CompletedTask;
    private long _version;
    private long _states;

    private ServiceWatch(LoadCluster cluster, IReadOnlyList<string> names, int desired, int batches)
    {
        _cluster = cluster;
        _followers = names.ToDictionary(name => name, name => new Follower(name, desired, batches, _problems));
    }

    /// <summary>How many states were looked at.</summary>
    public long States => Interlocked.Read(ref _states);

    /// <summary>The most of one ModuleDeployment that were unavailable at once, since the last expectation.</summary>
    public int MostUnavailable
    {
        get { lock (_lock) return _followers.Values.Max(follower => follower.MostUnavailable); }
    }

    /// <summary>What was wrong since the last time.</summary>
    public IReadOnlyList<string> TakeProblems()
    {
        lock (_lock)
        {
            IReadOnlyList<string> taken = [.. _problems];
            _problems.Clear();
            return taken;
        }
    }

    /// <summary>All Modules have to be Available by now.</summary>
    public static async Task<ServiceWatch> StartAsync(
        LoadCluster cluster, IReadOnlyList<string> names, LoadOptions options, CancellationToken cancellation)
    {
        var watch = new ServiceWatch(cluster, names, options.Bases, options.Upgrade);
        var list = await cluster.Client.ListAsync<Module>(new() { Namespace = cluster.Namespace }, cancellation);
        foreach (var module in list.Items) watch.Note(module, isGone: false);
        watch._version = Number(list.ResourceVersion);
        watch._following = Task.Run(watch.FollowAsync, cancellation);
        return watch;
    }

    /// <summary>A release to this version begins; counting starts over.</summary>
    public void Expect(string version)
    {
        lock (_lock) foreach (var follower in _followers.Values) follower.Expect(version);
    }

    /// <summary>Until it has seen what is there now.</summary>
    public async Task CaughtUpAsync(TimeSpan limit, CancellationToken cancellation)
    {
        var now = Number((await _cluster.Client.ListAsync<Module>(new() { Namespace = _cluster.Namespace }, cancellation)).ResourceVersion);
        var last = Number(_cluster.Modules.List().MaxBy(module => Number(module.Metadata.ResourceVersion))?.Metadata.ResourceVersion);
        await Wait.UntilAsync(
            () => _following.IsCompleted || Interlocked.Read(ref _version) >= Math.Min(now, last), limit, () => $"the watch comes to {last}", cancellation);
        if (_following.IsFaulted) await _following;
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        try
        {
            await _following;
        }
        catch (OperationCanceledException)
        {
            // How it ends.
        }

        _stop.Dispose();
    }

    private async Task FollowAsync()
    {
        // A server ends watches now and then: the next one goes on where this one was.
        while (!_stop.IsCancellationRequested)
        {
            var options = new WatchOptions { Namespace = _cluster.Namespace, ResourceVersion = _version.ToString(CultureInfo.InvariantCulture) };
            await foreach (var change in _cluster.Client.WatchAsync<Module>(options, _stop.Token))
            {
                if (change.Type is WatchEventType.Error) throw new InvalidOperationException($"states were missed: {change.Error}");
                if (change.Object is { } module) Note(module, change.Type is WatchEventType.Deleted);
                if (change.ResourceVersion is { } seen) Interlocked.Exchange(ref _version, Number(seen));
            }
        }
    }

    private void Note(Module module, bool isGone)
    {
        Interlocked.Increment(ref _states);
        lock (_lock)
            if (_followers.TryGetValue(module.Spec.Module.Name, out var follower)) follower.Note(module, isGone);
    }

    private static long Number(string? version) => long.Parse(version ?? "0", CultureInfo.InvariantCulture);

    /// <summary>One ModuleDeployment.</summary>
    private sealed class Follower(string name, int desired, int batches, List<string> problems)
    {
        // 25 %, the default.
        private readonly int _limit = Math.Max(1, desired / 4);
        private readonly Dictionary<string, Module> _live = [];
        private readonly Dictionary<string, int> _serving = [];
        private string? _version;
        private int _updated;
        private int _updatedServing;

        public int MostUnavailable { get; private set; }

        public void Expect(string version)
        {
            (_version, MostUnavailable, _updated, _updatedServing) = (version, desired - _serving.Count, 0, 0);
        }

        public void Note(Module module, bool isGone)
        {
            var uid = module.Metadata.Uid!;
            if (_live.Remove(uid, out var before)) Count(before, -1);
            if (!isGone && !module.Metadata.IsDeleting)
            {
                _live[uid] = module;
                Count(module, 1);
            }

            if (_version is null) return;
            var unavailable = desired - _serving.Count;
            if (unavailable > MostUnavailable)
            {
                MostUnavailable = unavailable;
                if (unavailable > _limit) problems.Add($"{name}: {unavailable} of {desired} unavailable on the way to {_version}, {_limit} are allowed");
            }

            // Before the first of a batch is made, all of the batch before it serve.
            if (before is null && IsUpdated(module) && _updatedServing < DoneBefore(_updated))
                problems.Add($"{name}: {_updated} of {_version} made when {_updatedServing} served, {batches} batches of {desired}");
        }

        private bool IsUpdated(Module module) => module.Spec.Module.Version == _version;

        /// <summary>What the batches before the one that needs so many have to have done: 200 in 4 batches: for 51, 50.</summary>
        private int DoneBefore(int updated)
        {
            for (var batch = batches; batch > 0; batch--)
                if (Aim(batch - 1) < updated)
                    return Aim(batch - 1);
            return 0;
        }

        private int Aim(int batch) => ((desired * batch) + batches - 1) / batches;

        // A pod with two versions that overlap serves while either does.
        private void Count(Module module, int by)
        {
            if (IsUpdated(module)) _updated += by;
            if (module is not { IsAvailable: true, Spec.PodUid: { } pod }) return;
            if (IsUpdated(module)) _updatedServing += by;
            var count = _serving.GetValueOrDefault(pod) + by;
            if (count == 0) _serving.Remove(pod);
            else _serving[pod] = count;
        }
    }
}
