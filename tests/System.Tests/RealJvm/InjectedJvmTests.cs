using ModuleController.Core.Injection;
using ModuleController.SystemTests.Admission;
using ModuleController.SystemTests.Harness;

namespace ModuleController.SystemTests.RealJvm;

/// <summary>One label turns a Deployment of JVMs into a base.</summary>
[Collection(RealBases.Collection)]
public sealed class InjectedJvmTests
{
    // The rest of the suite may be busy with the same cores.
    private static readonly TimeSpan Timeout = TimeSpan.FromMinutes(5);

    [Fact]
    public async Task A_plain_Deployment_of_a_base_with_the_label_serves_a_module()
    {
        Assert.SkipUnless(RealJvm.IsConfigured, RealJvm.HowToTurnOn);
        await using var world = await WebhookWorld.StartAsync(
            world => (world.Images.Others, world.Images.HasPortOfPod) = (RealJvm.Runtime, true));
        await using var webhooks = await WebhookWorld.WebhooksAsync(world);

        await WebhookWorld.BaseAsync(world, 2, Timeout, RealJvm.RunPlain);
        await world.CreateAsync(A.Module("orders", "1.0.0", RealJvm.Jar("orders", "1.0.0")).Replicas(2));
        await world.AvailableAsync("orders", 2, "1.0.0", Timeout);

        Assert.All(world.PodsOf("base"), pod => Assert.Equal("injected", pod.Metadata.Annotations[InjectionKeys.Status]));
        foreach (var pod in world.PodsOf("base")) Assert.Equal("orders 1.0.0", await RealBases.AnswerAsync(pod, "orders/hello"));
    }
}
