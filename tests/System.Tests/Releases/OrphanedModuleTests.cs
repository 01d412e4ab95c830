using System.Text.Json.Nodes;
using ModuleController.Core.Commands;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.Kube.Client;

namespace ModuleController.SystemTests.Releases;

/// <summary><c>kubectl delete mdrs --cascade=orphan</c> against an API server, the garbage collector played by the test.</summary>
public sealed class OrphanedModuleTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Orphaned_modules_are_adopted_and_never_reinstalled()
    {
        await using var bench = await ReleaseBench.StartAsync(3);
        await bench.CreateAsync("shop", 3);
        await bench.Completes("shop", 3);
        var (modules, old) = (await bench.ListAsync<Module>(), Assert.Single(await bench.ListAsync<ModuleReplicaSet>()));
        var sent = bench.Agents.Sent.Count;
        await bench.Client.DeleteAsync<ModuleReplicaSet>(
            new("default", old.Metadata.Name), new() { Propagation = PropagationPolicy.Orphan }, Cancellation);
        // In this moment Placement and the ModuleDeployment see the ReplicaSet being deleted, with all its Modules.
        await bench.CreateAsync("stock", 1);
        await bench.Completes("stock", 1);
        foreach (var module in modules) await PatchAsync<Module>(bench, module.Metadata.Name, """{"metadata":{"ownerReferences":null}}""");
        await PatchAsync<ModuleReplicaSet>(bench, old.Metadata.Name, """{"metadata":{"finalizers":null}}""");

        await Eventually.True(async () => await AdopterAsync(bench, old) is { } adopter
            && (await ModulesAsync(bench)).All(module => module.Metadata.Controller?.Uid == adopter.Metadata.Uid));
        await bench.Becomes("shop", found => found.Status.Conditions.IsTrue(DeploymentConditions.Ready)
            && found.Status.UpdatedAvailableReplicas == 3);
        Assert.Equal(modules.Select(module => module.Metadata.Uid).Order(), (await ModulesAsync(bench))
            .Select(module => module.Metadata.Uid).Order());
        Assert.DoesNotContain(bench.Agents.Sent.Skip(sent), command => command.Name == "shop");

        await bench.DeleteAsync<ModuleDeployment>("shop");
        await Eventually.True(async () => await bench.FindAsync("shop") is null && (await ModulesAsync(bench)).Count == 0);
        Assert.Equal(3, bench.Agents.Sent.Count(command => command is ModuleCommand.Uninstall));
    }

    private static async Task<IReadOnlyList<Module>> ModulesAsync(ReleaseBench bench) =>
        [.. (await bench.ListAsync<Module>()).Where(module => module.Spec.Module.Name == "shop")];

    private static async Task<ModuleReplicaSet?> AdopterAsync(ReleaseBench bench, ModuleReplicaSet old) =>
        (await bench.ListAsync<ModuleReplicaSet>())
            .FirstOrDefault(set => set.Metadata.Name == old.Metadata.Name && set.Metadata.Uid != old.Metadata.Uid);

    private static Task PatchAsync<T>(ReleaseBench bench, string name, string patch) where T : class, IResource =>
        bench.Client.PatchAsync<T>(new("default", name), JsonNode.Parse(patch)!.AsObject(), new("garbage-collector"), Cancellation);
}
