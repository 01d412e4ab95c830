using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Kube.Client;

namespace ModuleController.ControlPlane.Reconcilers.Execution;

/// <summary>Asks the API server whether a Module that is in no cache no longer exists.</summary>
/// <remarks>An agent knows the UID of a Module, not its name: the Modules of the namespace are listed. Orphans are rare.</remarks>
internal sealed class LiveModules(IKubeClient client, ObjectKey pod, CancellationToken cancellation)
{
    private const int PageSize = 500;

    /// <summary>Returns if no Module with this UID is bound to the pod; else the cache was stale, which is a conflict.</summary>
    public async Task ConfirmGoneAsync(string uid)
    {
        var options = new ListOptions { Namespace = pod.Namespace, Limit = PageSize };
        do
        {
            var page = await client.ListAsync<Module>(options, cancellation);
            // One that can't be read is in no cache, and its UID is not known.
            var found = page.Items.Where(module => module.Metadata.Uid == uid && module.Spec.PodName == pod.Name)
                .Select(module => module.Metadata.Name).Concat(page.Unreadable.Select(item => item.Key.Name)).FirstOrDefault();
            if (found is not null)
                throw new KubeException(
                    new(409, "Conflict", $"Module {found} exists, but is not in the cache"),
                    $"confirm that {uid} is an orphan on pod {pod}");
            options = options with { Continue = page.Continue };
        } while (!string.IsNullOrEmpty(options.Continue));
    }
}

/// <summary>What one reconcile reads from the API server itself.</summary>
internal sealed record LiveReads(LivePods Pods, LiveModules Modules);
