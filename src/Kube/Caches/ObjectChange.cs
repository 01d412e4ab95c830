using ModuleController.Core.Meta;

namespace ModuleController.Kube.Caches;

/// <summary>The change of one object since the last report. No <c>Before</c>: created. No <c>After</c>: deleted.</summary>
public readonly record struct ObjectChange<T>(ObjectKey Key, T? Before, T? After) where T : class, IResource
{
    /// <summary>Deleted and created again between two reports.</summary>
    public bool IsReplaced => Before is not null && After is not null && Before.Metadata.Uid != After.Metadata.Uid;
}
