using System.Collections.Concurrent;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using ModuleController.Core.Builtin;
using ModuleController.Core.Meta;

namespace ModuleController.Kube.Client;

/// <summary>
/// The generated readers and writers of all kinds that a client may be asked for. Each kind is read with the options of
/// the context that declares it: in a combined resolver, contexts would lose their naming policy and converters.
/// </summary>
public sealed class ResourceJson
{
    private readonly IReadOnlyList<JsonSerializerContext> _contexts;
    private readonly ConcurrentDictionary<Type, JsonTypeInfo> _infos = new();

    /// <summary>The built-in kinds are always there.</summary>
    public ResourceJson(params IReadOnlyList<JsonSerializerContext> contexts) =>
        _contexts = [.. contexts, BuiltinJson.Default];

    /// <summary>Takes a resolver, or a combination of them; each part must be a generated context.</summary>
    public static ResourceJson From(IJsonTypeInfoResolver resolver) => resolver switch
    {
        JsonSerializerContext context => new(context),
        IEnumerable<IJsonTypeInfoResolver> parts => new([.. parts.SelectMany(part => From(part)._contexts).Distinct()]),
        _ => throw new ArgumentException($"{resolver.GetType()} is not a generated JsonSerializerContext", nameof(resolver)),
    };

    public JsonTypeInfo<T> Info<T>() => (JsonTypeInfo<T>)_infos.GetOrAdd(typeof(T), static (type, contexts) =>
        contexts.Select(context => context.GetTypeInfo(type)).FirstOrDefault(info => info is not null)
            ?? throw new InvalidOperationException($"no generated JSON context knows {type}"), _contexts);

    /// <summary>The object as the API server wants it, with <c>apiVersion</c> and <c>kind</c>, which our types leave out.</summary>
    public JsonObject ToObject<T>(T resource) where T : class, IResource
    {
        var node = JsonSerializer.SerializeToNode(resource, Info<T>())!.AsObject();
        node.Remove("apiVersion");
        node.Remove("kind");
        node.Insert(0, "apiVersion", T.Kind.ApiVersion);
        node.Insert(1, "kind", T.Kind.Kind);
        return node;
    }
}
