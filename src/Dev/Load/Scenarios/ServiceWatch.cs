using System.Globalization;
using ModuleController.Core.Modules;
using ModuleController.Dev.Load.Clusters;
using ModuleController.Kube.Client;

namespace ModuleController.Dev.Load.Scenarios;

/// <summary>
/// Checks every state of every Module, in the order of the API server, with its own watch: a cache may skip states. It
/// records the maximum of unavailable Modules, and violations of what a release promises.
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

    /// <summary>The number of states that were checked.</summary>
    public long States => Interlocked.Read(ref _states);

    /// <summary>The maximum of unavailable Modules of one ModuleDeployment since the last call of <see cref="Expect"/>.</summary>
    public int MostUnavailable
    {
        get { lock (_lock) return _followers.Values.Max(follower => follower.MostUnavailable); }
    }

    /// <summary>The violations since the last call.</summary>
    public IReadOnlyList<string> TakeProblems()
    {
        lock (_lock)
        {
            IReadOnlyList<string> taken = [.. _problems];
            _problems.Clear();
            return taken;
        }
    }

    /// <summary>Requires that all Modules are Available.</summary>
    public static async Task<ServiceWatch> StartAsync(
        LoadCluster cluster, IReadOnlyList<string> names, LoadOptions options, CancellationToken cancellation)
    {
        var watch = new ServiceWatch(cluster, names, options.Bases, options.Upgrade);
        var list = await cluster.Client.ListAsync<Module>(new() { Namespace = cluster.Namespace }, cancellation);
        foreach (var module in list.Items) watch.Note(module, isDeleted: false);
        watch._version = Number(list.ResourceVersion);
        watch._following = Task.Run(watch.FollowAsync, cancellation);
        return watch;
    }

    /// <summary>Begins the checks of a release to this version.</summary>
    public void Expect(string version)
    {
        lock (_lock) foreach (var follower in _followers.Values) follower.Expect(version);
    }

    /// <summary>Waits until the watch has delivered the current state.</summary>
    public async Task CaughtUpAsync(TimeSpan limit, CancellationToken cancellation)
    {
        var now = Number((await _cluster.Client.ListAsync<Module>(new() { Namespace = _cluster.Namespace }, cancellation)).ResourceVersion);
        var last = Number(_cluster.Modules.List().MaxBy(module => Number(module.Metadata.ResourceVersion))?.Metadata.ResourceVersion);
        await Wait.UntilAsync(
            () => _following.IsCompleted || Interlocked.Read(ref _version) >= Math.Min(now, last), limit,
            () => $"the watch reaches {last}", cancellation);
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
            // The watch was stopped.
        }

        _stop.Dispose();
    }

    private async Task FollowAsync()
    {
        // A server may end a watch: the next one resumes.
        while (!_stop.IsCancellationRequested)
        {
            var version = _version.ToString(CultureInfo.InvariantCulture);
            var options = new WatchOptions { Namespace = _cluster.Namespace, ResourceVersion = version };
            await foreach (var change in _cluster.Client.WatchAsync<Module>(options, _stop.Token))
            {
                if (change.Type is WatchEventType.Error) throw new InvalidOperationException($"states were missed: {change.Error}");
                if (change.Object is { } module) Note(module, change.Type is WatchEventType.Deleted);
                if (change.ResourceVersion is { } seen) Interlocked.Exchange(ref _version, Number(seen));
            }
        }
    }

    private void Note(Module module, bool isDeleted)
    {
        Interlocked.Increment(ref _states);
        lock (_lock)
            if (_followers.TryGetValue(module.Spec.Module.Name, out var follower)) follower.Note(module, isDeleted);
    }

    private static long Number(string? version) => long.Parse(version ?? "0", CultureInfo.InvariantCulture);

    /// <summary>Follows one ModuleDeployment during a run.</summary>
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

        public void Note(Module module, bool isDeleted)
        {
            var uid = module.Metadata.Uid!;
            if (_live.Remove(uid, out var before)) Count(before, -1);
            if (!isDeleted && !module.Metadata.IsDeleting)
            {
                _live[uid] = module;
                Count(module, 1);
            }

            if (_version is null) return;
            var unavailable = desired - _serving.Count;
            if (unavailable > MostUnavailable)
            {
                MostUnavailable = unavailable;
                if (unavailable > _limit)
                    problems.Add($"{name}: {unavailable} of {desired} unavailable on the way to {_version}, {_limit} are allowed");
            }

            // The first Module of a batch is created only after all of the batch before are available.
            if (before is null && IsUpdated(module) && _updatedServing < DoneBefore(_updated))
                problems.Add($"{name}: {_updated} of {_version} made when {_updatedServing} served, {batches} batches of {desired}");
        }

        private bool IsUpdated(Module module) => module.Spec.Module.Version == _version;

        /// <summary>The Modules of the batches before the one that this count belongs to. 200 in 4 batches: 50 for 51.</summary>
        private int DoneBefore(int updated)
        {
            for (var batch = batches; batch > 0; batch--)
                if (Aim(batch - 1) < updated)
                    return Aim(batch - 1);
            return 0;
        }

        private int Aim(int batch) => ((desired * batch) + batches - 1) / batches;

        // A pod with two overlapping versions serves while one of them does.
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
