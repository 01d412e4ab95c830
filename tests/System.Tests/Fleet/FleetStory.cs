using ModuleController.Core.Builtin;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.SystemTests.Releases;

namespace ModuleController.SystemTests.Fleet;

/// <summary>What happens to two healthy ModuleDeployments in the story of a seed, and what of it can be seen afterwards.</summary>
internal sealed class FleetStory(int seed)
{
    private readonly string[] _names = [$"orders-{seed}", $"stock-{seed}"];
    private readonly string[] _policies =
        [Policy(seed), Policy(seed / 3)];

    public async Task PlayAsync(ReleaseBench bench, int pods, bool isBesideBroken)
    {
        if (isBesideBroken)
            foreach (var manifest in BrokenModuleDeployments.Manifests(seed)) await bench.CreateAsync(manifest);
        foreach (var (name, policy) in _names.Zip(_policies)) await bench.CreateAsync(name, pods, strategy => Strategy(strategy, policy));
        foreach (var name in _names) await bench.Completes(name, pods);
        foreach (var name in _names.Where((_, index) => (seed / 9 + index) % 3 > 0)) await bench.UpgradeAsync(name, "2.0.0");
        foreach (var name in _names) await bench.Completes(name, pods, (await bench.FindAsync(name))!.Spec.Template.Spec.Module.Version);
        if (seed % 4 == 0)
        {
            await bench.ScaleAsync(_names[0], 0);
            await bench.Completes(_names[0], 0, (await bench.FindAsync(_names[0]))!.Spec.Template.Spec.Module.Version);
        }

        foreach (var name in _names) await bench.DeleteAsync<ModuleDeployment>(name);
        await Eventually.True(async () => (await bench.ListAsync<ModuleDeployment>()).All(found => !_names.Contains(found.Metadata.Name)));
    }

    /// <summary>Per base pod the commands for the healthy modules, and all writes to their objects, each in an order that no run
    /// changes.</summary>
    public string Trace(ReleaseBench bench)
    {
        var commands = bench.Agents.SentTo.Where(sent => _names.Contains(sent.Command.Name))
            .GroupBy(sent => (sent.Pod, sent.Command.Name)).OrderBy(group => group.Key.Pod).ThenBy(group => group.Key.Name)
            .Select(group =>
                $"{group.Key.Pod}: {string.Join(", ", group.Select(sent => $"{sent.Command.GetType().Name} {sent.Command.Name}:{sent.Command.Version}"))}");
        var writes = bench.Race.Written.SelectMany(Traced).Order(StringComparer.Ordinal);
        return string.Join('\n', commands.Concat(writes));
    }

    /// <summary>Every text about the healthy ones that a user sees or saw: Events, and what was written to their statuses.</summary>
    public async Task<IReadOnlyList<string>> MessagesAsync(ReleaseBench bench) =>
        [.. (await bench.ListAsync<Event>())
            .Where(recorded => _names.Any(name => recorded.InvolvedObject?.Name?.StartsWith(name, StringComparison.Ordinal) == true))
            .Select(recorded => recorded.Message ?? ""),
            .. bench.Race.Written.Where(write => IsHealthy(write) && write.Patch is not null).Select(write => write.Patch!.ToJsonString())];

    // A pod's labels are written for all its modules at once, and statuses of many Modules as often as there was time for.
    private IEnumerable<string> Traced(RacingClient.Write write) => write.Kind switch
    {
        "Pod" when write.Patch?["metadata"]?["labels"] is System.Text.Json.Nodes.JsonObject labels =>
            _names.Where(name => labels.ContainsKey(Labels.Traffic(name)))
                .Select(name => $"label {write.Name} {name} {labels[Labels.Traffic(name)]}"),
        // How a release went on. Counts, and the deletion, are written as often as there was time for.
        "ModuleDeployment" when IsHealthy(write) && ProgressIn(write) is { } progress and not ReleaseProgress.Terminating =>
            [$"{write} {progress}"],
        "Module" or "Service" when IsHealthy(write) => [write.ToString()],
        "ModuleReplicaSet" when IsHealthy(write) && (write.Verb != "patch" || write.Patch?["spec"]?["replicas"] is not null)
            && !write.Verb.Contains("status", StringComparison.Ordinal) => [$"{write} {write.Patch?["spec"]?["replicas"]}"],
        _ => [],
    };

    private static string? ProgressIn(RacingClient.Write write) => (string?)write.Patch?["status"]?["releaseStatus"]?["progress"];

    private bool IsHealthy(RacingClient.Write write) =>
        _names.Any(name => write.Name == name || write.Name.StartsWith($"{name}-", StringComparison.Ordinal));

    private OperationStrategy Strategy(OperationStrategy strategy, string policy) => strategy with
    {
        UpgradePolicy = policy,
        BatchCount = 1 + (seed % 3),
        MaxUnavailable = new(100, true),
        ServiceStrategy = seed % 2 == 0 ? new() { EnableModuleService = true, Port = 80 } : strategy.ServiceStrategy,
        TrafficDrainSeconds = 0,
    };

    private static string Policy(int number) => (number % 2) switch
    {
        0 => UpgradePolicy.InstallThenUninstall.Text(),
        _ => UpgradePolicy.UninstallThenInstall.Text(),
    };
}
