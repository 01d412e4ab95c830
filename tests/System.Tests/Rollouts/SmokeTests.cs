using ModuleController.SystemTests.Harness;

namespace ModuleController.SystemTests.Rollouts;

public sealed class SmokeTests
{
    [Fact]
    public async Task Every_base_pod_has_an_agent_that_speaks_for_it()
    {
        await using var world = await World.StartAsync();
        await world.BaseAsync("base", 3);
        // A session counts as connected before its first snapshot says what is there.
        await Eventually.True(() => world.Controller!.Agents.Connected == 3 && world.PodsOf("base").All(pod =>
            world.Controller.Agents.Find(Core.Meta.ObjectKey.Of(pod.Metadata), pod.Metadata.Uid!) is { IsCurrent: true }));
    }
}
