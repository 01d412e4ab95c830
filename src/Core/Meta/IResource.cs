namespace ModuleController.Core.Meta;

/// <summary>An API object. Resources are immutable: one instance is shared by every reader of a cache.</summary>
public interface IResource
{
    static abstract ResourceKind Kind { get; }

    ObjectMeta Metadata { get; }
}
