using ModuleController.Core.Meta;

namespace ModuleController.Kube.Caches;

/// <summary>What became of one object since the last look. No <c>Before</c>: it is new. No <c>After</c>: it is gone.</summary>
public readonly record struct ObjectChange<T>(ObjectKey Key, T? Before, T? After) where T : class, IResource
{
    /// <summary>Deleted and created again between two looks.</summary>
    public bool IsReplaced => Before is not null && After is not null && Before.Metadata.Uid != After.Metadata.Uid;
}
