using System.Collections.Concurrent;
using ModuleController.Core.Builtin;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Placement;
using ModuleController.Kube.Client;

namespace ModuleController.ControlPlane.Reconcilers.Execution;

/// <summary>Asks the API server whether a pod that is missing from the caches still exists. Each pod is read at most once per
/// reconcile.</summary>
/// <remarks>The caches of a new leader may lag behind each other: a Module may be observed before the pod that it is bound to.</remarks>
internal sealed class LivePods(IKubeClient client, CancellationToken cancellation)
{
    private readonly ConcurrentDictionary<ObjectKey, Lazy<Task<Pod?>>> _pods = new();

    /// <summary>Confirms that the pod of a bound Module no longer exists.</summary>
    /// <param name="isOfOtherBase">Whether an existing pod belongs to another base.</param>
    /// <exception cref="KubeException">409: the pod exists, and the cache was stale.</exception>
    public async Task ConfirmGoneAsync(Module module, Func<Pod, bool> isOfOtherBase)
    {
        var key = new ObjectKey(module.Metadata.Namespace!, module.Spec.PodName!);
        var pod = await _pods.GetOrAdd(key, name => new(() => client.FindAsync<Pod>(name, cancellation))).Value;
        if (pod is null || pod.Metadata.Uid != module.Spec.PodUid || !PodAssessment.IsActive(pod) || isOfOtherBase(pod)) return;
        throw new KubeException(
            new(409, "Conflict", "the pod exists, but is not in the cache yet"), $"confirm that pod {key} no longer exists");
    }
}
