using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using ModuleController.Core.Modules;
using ModuleController.Dev.Load.Clusters;

namespace ModuleController.Dev.Load.Scenarios;

/// <summary>
/// ModuleDeployments from their creation to their deletion, and when this process observed their Modules
/// and that they were Available. Names are new each time, so that the bases count only this installation.
/// </summary>
internal sealed class Installation : IDisposable
{
    private readonly LoadCluster _cluster;
    private readonly LoadOptions _options;
    private readonly IReadOnlyList<string> _names;
    private readonly ConcurrentDictionary<string, Times> _times = new();
    private readonly IDisposable _subscription;
    private long _began;
    private int _steps;
    private volatile string _version = "1.0.0";

    private Installation(LoadCluster cluster, LoadOptions options, int number)
    {
        (_cluster, _options) = (cluster, options);
        _names = [.. Enumerable.Range(0, options.Modules).Select(index => $"load-{number}-{index}")];
        _subscription = cluster.Modules.Subscribe(change => Note(change.After));
        foreach (var name in _names) cluster.Jar(name, _version);
        _began = TimeProvider.System.GetTimestamp();
    }

    /// <summary>The names of the ModuleDeployments and their modules.</summary>
    public IReadOnlyList<string> Names => _names;

    public int Expected => _options.Bases * _options.Modules;

    /// <summary>The number of steps: each Module counts when it is created and when it is Available.</summary>
    public double Progress => Volatile.Read(ref _steps) / (2.0 * Expected);

    /// <summary>Per Module, from its first observation to Available.</summary>
    public IReadOnlyList<TimeSpan> Durations =>
        [.. _times.Values.Where(times => times.Available is not null)
            .Select(times => TimeProvider.System.GetElapsedTime(times.Seen, times.Available!.Value))];

    public TimeSpan Elapsed => TimeProvider.System.GetElapsedTime(_began);

    public static async Task<Installation> CreateAsync(LoadCluster cluster, LoadOptions options, int number, CancellationToken cancellation)
    {
        var installation = new Installation(cluster, options, number);
        await Task.WhenAll(installation._names.Select(
            name => cluster.Client.CreateAsync(installation.Deployment(name), "load", cancellation)));
        return installation;
    }

    /// <summary>Changes the version. All other members are about the new one from now on.</summary>
    public async Task UpgradeAsync(string version, UpgradePolicy policy, CancellationToken cancellation)
    {
        _version = version;
        _times.Clear();
        Volatile.Write(ref _steps, 0);
        _began = TimeProvider.System.GetTimestamp();
        await Task.WhenAll(_names.Select(name => _cluster.Client.PatchAsync<ModuleDeployment>(
            new(_cluster.Namespace, name),
            new()
            {
                ["spec"] = new JsonObject
                {
                    ["operationStrategy"] = new JsonObject { ["batchCount"] = _options.Upgrade, ["upgradePolicy"] = policy.Text() },
                    ["template"] = new JsonObject
                    {
                        ["spec"] = new JsonObject
                        {
                            ["module"] = new JsonObject
                            {
                                ["version"] = version,
                                ["url"] = _cluster.Jar(name, version, $"{name}-{version}"),
                            },
                        },
                    },
                },
            },
            new("load"), cancellation)));
    }

    /// <summary>The time from the creation to the last Module on these pods Available.</summary>
    public TimeSpan AvailableOn(Func<string, bool> isCounted) => TimeProvider.System.GetElapsedTime(
        _began, Seen(isCounted).Max());

    /// <summary>
    /// Waits until so many Modules are observed as Available on the pods that count: the cache has the last one
    /// before <see cref="Note"/> is called.
    /// </summary>
    public Task AvailableAsync(int count, Func<string, bool> isCounted, CancellationToken cancellation) => Wait.UntilAsync(
        () => Own().Count(module => module.IsAvailable && module.Spec.Module.Version == _version && isCounted(module.Spec.PodUid!)) == count
            && Seen(isCounted).Count() >= count,
        _options.Timeout, () => $"{count} Modules of {_names[0]} are Available; {Describe()}", cancellation);

    /// <summary>Waits until the status of each ModuleDeployment is Completed.</summary>
    public Task CompletedAsync(CancellationToken cancellation) => Wait.UntilAsync(
        () => _names.All(name => _cluster.Deployments.Get(new(_cluster.Namespace, name)) is { } deployment
            && deployment.Spec.Template.Spec.Module.Version == _version
            && deployment.Status.ObservedGeneration == deployment.Metadata.Generation
            && deployment.Status.UpdatedAvailableReplicas == _options.Bases
            && deployment.Status.ReleaseStatus?.Progress == ReleaseProgress.Completed),
        _options.Timeout, () => $"all releases are completed; {Describe()}", cancellation);

    /// <summary>Waits until no other version exists, in the API and in the bases.</summary>
    public Task AloneAsync(CancellationToken cancellation) => Wait.UntilAsync(
        () => Own().Count() == Expected && Own().All(module => module.Spec.Module.Version == _version && module.IsAvailable)
            && _cluster.Bases.All.Values.All(
                simulated => simulated.Biz.Keys.Count(biz => _names.Contains(biz.Split(':')[0])) == _names.Count),
        _options.Timeout, () => $"only {_version} of {_names[0]} is left; {Describe()}", cancellation);

    /// <summary>The modules that a base did not install exactly once in each life.</summary>
    public IEnumerable<string> Miscounts()
    {
        foreach (var name in _names)
        {
            var counts = _cluster.Bases.All.Values.SelectMany(simulated => simulated.Statistics)
                .Select(life => life.InstallsStarted.GetValueOrDefault($"{name}:{_version}")).ToList();
            if (counts.Sum() != _options.Bases || counts.Any(count => count > 1))
            {
                yield return $"{name}:{_version}: {counts.Sum()} installs on {counts.Count(count => count > 0)} base lives, "
                    + $"{counts.Count(count => count > 1)} of them more than one";
            }
        }
    }

    public async Task DeleteAsync(CancellationToken cancellation)
    {
        foreach (var name in _names) await _cluster.Client.DeleteAsync<ModuleDeployment>(new(_cluster.Namespace, name), null, cancellation);
        await Wait.UntilAsync(
            () => !Own().Any() && _names.All(name => _cluster.Deployments.Get(new(_cluster.Namespace, name)) is null),
            _options.Timeout, () => $"{_names[0]} to be deleted; {Describe()}", cancellation);
    }

    public void Dispose() => _subscription.Dispose();

    /// <summary>Counts by status and error, for the message of a failure.</summary>
    public string Describe() => string.Join(", ", Own()
        .GroupBy(module => string.Join(' ', (string?[])[
            module.Spec.Module.Version, module.Status.Status ?? "new", module.Status.LastError?.Reason,
            module.Metadata.IsDeleting ? "deleting" : null]).Trim())
        .Select(group => $"{group.Count()} {group.Key}"));

    private IEnumerable<long> Seen(Func<string, bool> isCounted) =>
        _times.Values.Where(times => times.Available is not null && isCounted(times.PodUid)).Select(times => times.Available!.Value);

    private IEnumerable<Module> Own() => _cluster.Modules.List().Where(module => _names.Contains(module.Spec.Module.Name));

    private void Note(Module? module)
    {
        if (module is null || module.Spec.Module.Version != _version || !_names.Contains(module.Spec.Module.Name)) return;
        var now = TimeProvider.System.GetTimestamp();
        var times = _times.GetOrAdd(module.Metadata.Uid!, _ =>
        {
            Interlocked.Increment(ref _steps);
            return new(now);
        });
        times.PodUid = module.Spec.PodUid ?? "";
        if (!module.IsAvailable || times.Available is not null) return;
        times.Available = now;
        Interlocked.Increment(ref _steps);
    }

    private ModuleDeployment Deployment(string name) => new()
    {
        Metadata = new() { Name = name, Namespace = _cluster.Namespace },
        Spec = new()
        {
            BaseDeploymentName = BaseManifest.Name,
            Replicas = _options.Bases,
            OperationStrategy = new() { TrafficDrainSeconds = 0 },
            Template = new() { Spec = new() { Module = new() { Name = name, Version = _version, Url = _cluster.Jar(name, _version) } } },
        },
    };

    private sealed class Times(long seen)
    {
        public long Seen { get; } = seen;

        public long? Available { get; set; }

        public string PodUid { get; set; } = "";
    }
}
