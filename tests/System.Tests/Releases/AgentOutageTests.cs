using ModuleController.Core.Builtin;
using ModuleController.Core.Commands;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;

namespace ModuleController.SystemTests.Releases;

/// <summary>Most agents of a base disconnect at once.</summary>
public sealed class AgentOutageTests
{
    private static readonly string[] Names = ["base-000", "base-001", "base-002", "base-003", "base-004", "base-005"];

    [Fact]
    public async Task A_release_waits_for_them_and_what_is_lost_is_replaced_meanwhile()
    {
        await using var bench = await ReleaseBench.StartAsync(6);
        await bench.CreateAsync("shop", 4, strategy => strategy with { UpgradePolicy = "uninstall_then_install" });
        await bench.Completes("shop", 4);
        var carriers = (await bench.ListAsync<Module>()).Select(module => module.Spec.PodName!).Order(StringComparer.Ordinal).ToList();
        // All that carry the module; two empty ones stay.
        foreach (var name in carriers) bench.Agents.Disconnect(new("default", name));
        await Eventually.True(async () => (await bench.ListAsync<Event>()).Any(e =>
            e is { Type: "Warning", Reason: Reasons.AgentsVanished, InvolvedObject: { Kind: "Deployment", Name: "base" } }));

        await bench.UpgradeAsync("shop", "2.0.0");
        var held = await bench.Becomes("shop",
            found => found.Status.Conditions.Find(DeploymentConditions.Progressing)?.Reason == Reasons.AgentsVanished
            && found.Status.ObservedGeneration == found.Metadata.Generation);
        Assert.Contains("4 of 6 agents", held.Status.Conditions.Find(DeploymentConditions.Progressing)!.Message, StringComparison.Ordinal);
        Assert.All(await bench.ListAsync<Module>(),
            module => Assert.Equal((false, "1.0.0"), (module.Metadata.IsDeleting, module.Spec.Module.Version)));

        // A pod that is really gone is no matter of silence.
        await bench.DeleteAsync<Pod>(carriers[0]);
        await Eventually.True(async () => (await bench.ListAsync<Module>()) is { Count: 4 } modules
            && modules.Count(module => module.IsAvailable && !carriers.Contains(module.Spec.PodName!)) == 1);
        Assert.All(await bench.ListAsync<Module>(), module => Assert.Equal("1.0.0", module.Spec.Module.Version));
        Assert.DoesNotContain(bench.Agents.Sent, command => command is ModuleCommand.Uninstall);

        foreach (var name in carriers.Skip(1)) bench.Agents.Reconnect(new("default", name));
        await bench.Completes("shop", 4, "2.0.0");
    }

    [Fact]
    public async Task They_are_not_waited_for_longer_than_the_hold()
    {
        await using var bench = await ReleaseBench.StartAsync(6, new() { AgentOutageHold = TimeSpan.FromMinutes(5) });
        await bench.CreateAsync("shop", 6,
            strategy => strategy with { UpgradePolicy = "uninstall_then_install", MaxUnavailable = new(2, false) });
        await bench.Completes("shop", 6);
        foreach (var name in Names.Take(4)) bench.Agents.Disconnect(new("default", name));
        await bench.UpgradeAsync("shop", "2.0.0");
        await bench.Becomes("shop",
            found => found.Status.Conditions.Find(DeploymentConditions.Progressing)?.Reason == Reasons.AgentsVanished);
        Assert.All(await bench.ListAsync<Module>(),
            module => Assert.Equal((false, "1.0.0"), (module.Metadata.IsDeleting, module.Spec.Module.Version)));

        // The time of day is past the hold, and whoever is triggered sees it.
        bench.Clock.Jump(TimeSpan.FromMinutes(5));
        await bench.PatchAsync("shop", """{"metadata":{"annotations":{"touched":"yes"}}}""");
        await Eventually.True(async () => (await bench.ListAsync<Module>())
            .Where(module => module is { IsAvailable: true, Spec.Module.Version: "2.0.0" }).Select(module => module.Spec.PodName)
                .Order(StringComparer.Ordinal)
            .SequenceEqual(Names.Skip(4)));
        // Where nobody answers, what serves is left alone all the same.
        Assert.Equal(Names.Take(4), (await bench.ListAsync<Module>())
            .Where(module => module is { IsAvailable: true, Spec.Module.Version: "1.0.0" })
            .Select(module => module.Spec.PodName).Order(StringComparer.Ordinal));
    }
}
