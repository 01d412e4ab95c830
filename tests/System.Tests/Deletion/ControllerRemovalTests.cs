using ModuleController.Core.Builtin;
using ModuleController.SystemTests.Harness;

namespace ModuleController.SystemTests.Deletion;

/// <summary>The kustomizations of deploy/, applied and deleted with kubectl.</summary>
public sealed class ControllerRemovalTests
{
    private const string ControllerNamespace = "modulecontroller-system";
    private const string AnyNamespace = "--namespace="; // the objects name theirs

    [Fact]
    public async Task A_controller_that_is_removed_and_installed_again_uninstalls_nothing_and_continues_the_epoch()
    {
        Assert.SkipUnless(Harness.Kubectl.IsInstalled, "no kubectl on PATH");
        await using var world = await World.StartAsync(world =>
        {
            world.OtherKubeconfig = null;
            world.ConfigureController = options => options with { Kubeconfig = world.Kubeconfig, Namespace = ControllerNamespace };
        });
        using var kubectl = new Harness.Kubectl(world);
        await kubectl.RunAsync("apply", AnyNamespace, "-f", await RenderAsync(kubectl, "deploy"));
        await world.BaseAsync("base", 2);
        await world.CreateAsync(A.Module("orders", "1.0.0", world.Jar("orders", "1.0.0")).Replicas(2));
        await world.CreateAsync(A.Module("prices", "1.0.0", world.Jar("prices", "1.0.0")).Replicas(2));
        await world.AvailableAsync("orders", 2, "1.0.0");
        await world.AvailableAsync("prices", 2, "1.0.0");
        var before = await world.Client.GetAsync<Lease>(new(ControllerNamespace, "modulecontroller"));
        var modules = world.ModulesOf("orders").Select(module => module.Metadata.Uid).Order().ToList();

        await world.StopControllerAsync();
        await kubectl.RunAsync("delete", AnyNamespace, "-f", await RenderAsync(kubectl, "deploy/controller"), "--timeout=120s");
        var left = await kubectl.RunAsync(
            "-n", ControllerNamespace, "get", "deployments,services,serviceaccounts", "-l", "app.kubernetes.io/name=modulecontroller", "-o",
            "name");
        Assert.Equal("", left);
        await kubectl.RunAsync("apply", AnyNamespace, "-f", await RenderAsync(kubectl, "deploy"));
        await world.StartControllerAsync();

        // Only a controller that has heard the agents uninstalls, so what it would remove of the other it would have removed by then.
        await world.DeleteAsync("prices");
        await Eventually.True(() => world.Images.Living.All(living => !living.Base.Biz.ContainsKey("prices:1.0.0")),
            () => world.DumpAsync("prices").Result);
        await world.AvailableAsync("orders", 2, "1.0.0");
        Assert.Equal(modules, world.ModulesOf("orders").Select(module => module.Metadata.Uid).Order());
        Assert.DoesNotContain(world.Images.AllLives, life => life.Uninstalls.ContainsKey("orders:1.0.0"));
        var after = await world.Client.GetAsync<Lease>(new(ControllerNamespace, "modulecontroller"));
        Assert.Equal(before.Metadata.Uid, after.Metadata.Uid);
        Assert.True(after.Spec.LeaseTransitions > before.Spec.LeaseTransitions,
            $"{before.Spec.LeaseTransitions}, then {after.Spec.LeaseTransitions}");
    }

    /// <summary>A file with the objects of a kustomization, without the two kinds that the embedded cluster does not have.</summary>
    private static async Task<string> RenderAsync(Harness.Kubectl kubectl, string kustomization)
    {
        var objects = (await kubectl.RunAsync("kustomize", Path.Combine(Manifests.Root, kustomization))).Split("\n---\n");
        return await kubectl.FileAsync(string.Join("\n---\n", objects.Where(text =>
            !text.Contains("\nkind: PodDisruptionBudget\n", StringComparison.Ordinal)
            && !text.Contains("\nkind: NetworkPolicy\n", StringComparison.Ordinal))));
    }
}
