using System.Text.Json.Nodes;
using ModuleController.Core.Meta;
using ModuleController.Kube.Client;

namespace ModuleController.Dev.Load.Cleanup;

/// <summary>The remaining objects of one kind in the namespace of a run.</summary>
internal interface ILeftovers
{
    string Kind { get; }

    /// <summary>The objects, and whether each is being deleted. A kind that is not served has none.</summary>
    Task<IReadOnlyList<(string Name, bool IsDeleting)>> ListAsync(CancellationToken cancellation);

    Task DeleteAsync(string name, CancellationToken cancellation);

    /// <summary>Deletes an object without its finalizers and grace period.</summary>
    Task ForceAsync(string name, CancellationToken cancellation);
}

internal sealed class Leftovers<T>(IKubeClient client, string ns) : ILeftovers where T : class, IResource
{
    public string Kind => T.Kind.Plural;

    public async Task<IReadOnlyList<(string Name, bool IsDeleting)>> ListAsync(CancellationToken cancellation)
    {
        try
        {
            var list = await client.ListAsync<T>(new() { Namespace = ns }, cancellation);
            return
            [
                .. list.Items.Select(item => (item.Metadata.Name, item.Metadata.IsDeleting)),
                .. list.Unreadable.Select(item => (item.Key.Name, IsDeleting: false)),
            ];
        }
        catch (KubeException problem) when (problem.IsNotFound)
        {
            return [];
        }
    }

    public Task DeleteAsync(string name, CancellationToken cancellation) =>
        client.DeleteAsync<T>(new(ns, name), new() { Propagation = PropagationPolicy.Background }, cancellation);

    public async Task ForceAsync(string name, CancellationToken cancellation)
    {
        await client.PatchAsync<T>(
            new(ns, name), new() { ["metadata"] = new JsonObject { ["finalizers"] = null } }, new("load"), cancellation);
        await client.DeleteAsync<T>(
            new(ns, name), new() { Propagation = PropagationPolicy.Background, GracePeriod = TimeSpan.Zero }, cancellation);
    }
}
