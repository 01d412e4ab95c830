using ModuleController.Core.Modules;
using ModuleController.SystemTests.Harness;
using ModuleController.SystemTests.Releases;

namespace ModuleController.SystemTests.Fleet;

/// <summary>A user's mistake affects nobody else.</summary>
public sealed class FleetTests
{
    private const int Pods = 3;

    // All of them with SOAK.
    private static IEnumerable<int> Seeds =>
        Environment.GetEnvironmentVariable("SOAK") is { Length: > 0 } ? Enumerable.Range(1, 200) : [1, 4, 13];

    [Fact]
    public async Task Healthy_ones_get_the_same_commands_and_writes_beside_broken_ones_as_alone()
    {
        var crds = Path.Combine(Manifests.Root, "tests", "fixtures", "crds", "without-limits");
        await using var alone = await ReleaseBench.StartAsync(Pods, crds: crds);
        await using var beside = await ReleaseBench.StartAsync(Pods, crds: crds);
        alone.Clock.Stand();
        beside.Clock.Stand();
        var stories = Seeds.ToDictionary(seed => seed, seed => new FleetStory(seed));
        foreach (var (seed, story) in stories)
        {
            beside.Race.Reject = BrokenModuleDeployments.Reject;
            await Task.WhenAll(story.PlayAsync(alone, Pods, isBesideBroken: false), story.PlayAsync(beside, Pods, isBesideBroken: true));
            // A deletion can be observed before the write that caused it is on record.
            await Eventually.True(
                () => story.Trace(alone) == story.Trace(beside),
                () => $"alone\n{story.Trace(alone)}\n\nbeside broken ones\n{story.Trace(beside)}", what: $"the same trace of seed {seed}");
            Assert.All(await story.MessagesAsync(beside), message => Assert.All(
                BrokenModuleDeployments.Names(seed), name => Assert.DoesNotContain(name, message, StringComparison.Ordinal)));

            beside.Race.Reject = _ => null;
            foreach (var bench in (ReleaseBench[])[alone, beside]) bench.Clock.Jump(TimeSpan.FromMinutes(2));   // no backoff lasts longer
            // What is created while its ModuleDeployment is deleted is left to the garbage collector, and here is none.
            await Eventually.True(async () => (await beside.ListAsync<Module>()) is var modules && BrokenModuleDeployments.Names(seed)
                .Where(name => name.StartsWith("create-", StringComparison.Ordinal))
                .All(name => modules.Count(module => module.Spec.Module.Name == name) == 2));
            foreach (var name in BrokenModuleDeployments.Names(seed)) await beside.DeleteAsync<ModuleDeployment>(name);
            await Eventually.True(
                async () => (await beside.ListAsync<ModuleDeployment>()).Count == 0 && (await beside.ListAsync<Module>()).Count == 0,
                async () => string.Join('\n', (await beside.ListAsync<ModuleDeployment>()).Select(left => left.Metadata.Name)
                    .Concat((await beside.ListAsync<Module>())
                        .Select(left => $"{left.Metadata.Name} deleting={left.Metadata.IsDeleting} {left.Status.Message}"))),
                what: $"the broken ones of seed {seed} are gone");
        }

        Assert.All(stories.Values, story => Assert.Equal(story.Trace(alone), story.Trace(beside)));
    }
}
