using ModuleController.Core.Builtin;
using ModuleController.Core.Meta;

namespace ModuleController.Dev.Load.Cleanup;

/// <summary>A namespace with the reasons why its deletion waits.</summary>
public sealed record NamespaceState : IResource
{
    public static ResourceKind Kind => Namespace.Kind;

    public ObjectMeta Metadata { get; init => field = value ?? new(); } = new();

    public NamespaceStatus Status { get; init => field = value ?? new(); } = new();

    public string Describe() => string.Join(
        "; ",
        Status.Conditions.Where(condition => condition.Status == "True").Select(condition => condition.Message)
            .DefaultIfEmpty(Status.Phase ?? ""));
}

public sealed record NamespaceStatus
{
    public string? Phase { get; init; }

    public IReadOnlyList<Condition> Conditions { get; init => field = value ?? []; } = [];
}
