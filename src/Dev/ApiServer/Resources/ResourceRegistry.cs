using System.Collections.Immutable;

namespace ModuleController.Dev.ApiServer.Resources;

/// <summary>All served resources: built-in and custom ones.</summary>
public sealed class ResourceRegistry
{
    public const string Definitions = "customresourcedefinitions.apiextensions.k8s.io";

    private readonly EventLog _log;
    private readonly ImmutableArray<ResourceType> _builtins;
    private volatile Served _served;

    public ResourceRegistry(EventLog log)
    {
        _log = log;
        Schemas = new();
        _builtins = [.. Builtins.All(Schemas)];
        _served = new(_builtins, 0);
        Refresh();
    }

    public BuiltinSchemas Schemas { get; }

    public ImmutableArray<ResourceType> All => _served.Types;

    /// <summary>Rises whenever a definition is created, changed or deleted: clients' caches of the API depend on it.</summary>
    public long Revision => _served.Revision;

    public ResourceType? Find(string group, string version, string plural) =>
        All.FirstOrDefault(type => type.Plural == plural && type.Group == group && type.Version == version);

    public bool HasBuiltins(string group) => _builtins.Any(type => type.Group == group);

    public ResourceType Get(string resource) => All.First(type => type.Resource == resource);

    /// <summary>Reads the definitions again, after each write to one and before the response to it.</summary>
    public void Refresh()
    {
        while (true)
        {
            var snapshot = _log.List(Definitions);
            var custom = snapshot.Objects.Values
                .Select(definition => CustomTypes.Parse(definition.Tree, Schemas.Metadata).Type).OfType<ResourceType>();
            var before = _served;
            if (before.Revision >= snapshot.Revision) return;
            if (Interlocked.CompareExchange(ref _served, new([.. _builtins, .. custom], snapshot.Revision),
                before) == before) return;
        }
    }

    private sealed record Served(ImmutableArray<ResourceType> Types, long Revision);
}
