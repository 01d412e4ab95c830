using System.Net;
using ModuleController.Core.Commands;
using ModuleController.Core.Modules;
using ModuleController.SystemTests.Harness;

namespace ModuleController.SystemTests.Failures;

/// <summary>Hooks of many modules that hang at one time.</summary>
public sealed class HookLimitTests
{
    [Fact]
    public async Task However_many_hooks_hang_on_a_pod_a_module_without_any_is_installed_there()
    {
        await using var world = await World.StartAsync();
        await world.BaseAsync("base", 1);
        using var hook = new HookServer(IPAddress.Parse(world.PodsOf("base")[0].Status.PodIp!)) { Answer = _ => null };
        var hooks = new ModuleHooks { PreInstall = new() { Port = hook.Port, Path = "/never", TimeoutSeconds = 3600 } };
        const int Modules = ModuleCommand.MostInHooks + 3;
        for (var number = 0; number < Modules; number++)
        {
            var name = $"hanging-{number}";
            var deployment = A.Module(name, "1.0.0", world.Jar(name, "1.0.0"));
            await world.CreateAsync(deployment with { Spec = deployment.Spec with { Hooks = hooks } });
        }

        await world.HoldsAsync(() => hook.Requests.Count == ModuleCommand.MostInHooks, "hanging-0", "as many hooks are called as may be");
        await world.CreateAsync(A.Module("passing", "1.0.0", world.Jar("passing", "1.0.0")).Replicas(1));
        await world.AvailableAsync("passing", 1, "1.0.0");
        await world.HoldsAsync(
            () => world.Modules.List()
                .Count(module =>
                module.Status.Message?.EndsWith("32 commands wait for their hooks there", StringComparison.Ordinal) == true) == 3,
            "hanging-0", "those beyond say what they wait for");
        Assert.Equal(ModuleCommand.MostInHooks, hook.Requests.Count);
        Assert.DoesNotContain(world.Log.Lines, line => line.Message.Contains("TOO_MANY", StringComparison.Ordinal));

        hook.Answer = _ => 200;
        hook.HangUp();
        await world.HoldsAsync(() => hook.Requests.Count >= Modules, "hanging-0", "the others have their turn");
    }
}
