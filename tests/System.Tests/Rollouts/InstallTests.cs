using System.Text.Json.Nodes;
using ModuleController.Core.Builtin;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.SystemTests.Harness;

namespace ModuleController.SystemTests.Rollouts;

public sealed class InstallTests
{
    [Fact]
    public async Task A_module_goes_live_on_as_many_pods_as_asked_for_and_answers_through_its_service()
    {
        await using var world = await World.StartAsync();
        await world.BaseAsync("base", 3);
        await world.CreateAsync(A.Module("orders", "1.0.0", world.Jar("orders", "1.0.0")).Replicas(2).WithService());

        await world.AvailableAsync("orders", 2, "1.0.0");
        Assert.Equal(2, world.PodsOf("base").Count(pod => world.HasLabel(pod, "orders")));
        await Eventually.True(async () => (await world.AnswersAsync("orders-service", "orders/hello")) is ["orders 1.0.0", "orders 1.0.0"]);
        Assert.All(world.Images.AllLives, life => Assert.True(life.InstallsStarted.GetValueOrDefault("orders:1.0.0") <= 1));
    }

    [Fact]
    public async Task Scaling_follows_replicas_and_the_scale_subresource()
    {
        await using var world = await World.StartAsync();
        await world.BaseAsync("base", 3);
        await world.CreateAsync(A.Module("orders", "1.0.0", world.Jar("orders", "1.0.0")).Replicas(1));
        await world.AvailableAsync("orders", 1, "1.0.0");

        await world.PatchSpecAsync("orders", new() { ["replicas"] = 3 });
        await world.AvailableAsync("orders", 3, "1.0.0");

        await world.Client.PatchSubresourceAsync<ModuleDeployment>(
            new(world.Namespace, "orders"), "scale", new() { ["spec"] = new JsonObject { ["replicas"] = 2 } }, new("test"),
            TestContext.Current.CancellationToken);
        await world.AvailableAsync("orders", 2, "1.0.0");
        Assert.Equal(2, (await world.FindAsync("orders"))!.Spec.Replicas);
    }

    [Fact]
    public async Task The_generated_service_follows_its_port()
    {
        await using var world = await World.StartAsync();
        await world.BaseAsync("base", 1);
        await world.InstalledAsync(A.Module("orders", "1.0.0", world.Jar("orders", "1.0.0")).WithService());
        await world.StrategyAsync("orders", new() { ["serviceStrategy"] = new JsonObject { ["port"] = 81 } });
        await Eventually.True(async () =>
            (await world.Client.GetAsync<Service>(new(world.Namespace, ServiceNames.For("orders")))).Spec.Ports.Single().Port == 81);
    }

    [Fact]
    public async Task An_Event_that_was_written_before_a_restart_of_the_controller_is_counted_on()
    {
        await using var world = await World.StartAsync();
        await world.BaseAsync("base", 1);
        await world.InstalledAsync(A.Module("orders", "1.0.0", world.Jar("orders", "1.0.0")));
        for (var count = 1; count <= 2; count++)
        {
            await world.ActAsync("orders", "unknown");
            await Eventually.True(
                async () =>
                    (await world.EventsAsync("orders")).SingleOrDefault(e => e.Type == "Warning") is { } seen && (seen.Count ?? 1) == count,
                () => world.DumpAsync("orders"));
            await world.StopControllerAsync();
            await world.StartControllerAsync();
        }
    }

    [Fact]
    public async Task Deleting_uninstalls_everything()
    {
        await using var world = await World.StartAsync();
        await world.BaseAsync("base", 2);
        await world.CreateAsync(A.Module("orders", "1.0.0", world.Jar("orders", "1.0.0")).Symmetric().WithService());
        await world.AvailableAsync("orders", 2, "1.0.0");

        await world.DeleteAsync("orders");
        await world.GoneAsync("orders");
        Assert.All(world.Images.Living, living => Assert.Empty(living.Base.Biz));
        Assert.DoesNotContain(world.PodsOf("base"), pod => world.HasLabel(pod, "orders"));
    }

    [Fact]
    public async Task A_deleted_module_is_replaced()
    {
        await using var world = await World.StartAsync();
        await world.BaseAsync("base", 2);
        await world.CreateAsync(A.Module("orders", "1.0.0", world.Jar("orders", "1.0.0")).Replicas(1));
        await world.AvailableAsync("orders", 1, "1.0.0");
        var old = Assert.Single(world.ModulesOf("orders"));

        await world.Client.DeleteAsync<Module>(ObjectKey.Of(old.Metadata), cancellation: TestContext.Current.CancellationToken);
        await Eventually.True(() => world.ModulesOf("orders") is [{ IsAvailable: true } one]
            && one.Metadata.Uid != old.Metadata.Uid, () => world.DumpAsync("orders").Result);
    }

    [Fact]
    public async Task A_symmetric_module_follows_its_base()
    {
        await using var world = await World.StartAsync();
        await world.BaseAsync("base", 2);
        await world.CreateAsync(A.Module("orders", "1.0.0", world.Jar("orders", "1.0.0")).Symmetric());
        await world.AvailableAsync("orders", 2, "1.0.0");

        await world.ScaleBaseAsync("base", 4);
        await world.AvailableAsync("orders", 4, "1.0.0");
        await world.ScaleBaseAsync("base", 1);
        await world.AvailableAsync("orders", 1, "1.0.0");
        Assert.Equal(-1, (await world.FindAsync("orders"))!.Spec.Replicas);
    }
}
