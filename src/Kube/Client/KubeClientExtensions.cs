using ModuleController.Core.Meta;

namespace ModuleController.Kube.Client;

/// <summary>What is often asked of a client, in terms of its few verbs.</summary>
public static class KubeClientExtensions
{
    /// <summary>The object, or null where there is none.</summary>
    public static async Task<T?> FindAsync<T>(this IKubeClient client, ObjectKey key, CancellationToken cancellation = default)
        where T : class, IResource
    {
        try
        {
            return await client.GetAsync<T>(key, cancellation);
        }
        catch (KubeException exception) when (exception.IsNotFound)
        {
            return null;
        }
    }

    /// <summary>All pages. An object that cannot be read is an exception: this is for callers that need them all.</summary>
    public static async Task<IReadOnlyList<T>> ListAllAsync<T>(
        this IKubeClient client, ListOptions? options = null, CancellationToken cancellation = default)
        where T : class, IResource
    {
        var items = new List<T>();
        var page = (options ?? new()) with { Limit = options?.Limit ?? 500 };
        do
        {
            var list = await client.ListAsync<T>(page, cancellation);
            if (list.Unreadable is [var first, ..])
                throw new KubeException(new(0, KubeError.Unreadable, first.Error), $"list {T.Kind} {first.Key}");
            items.AddRange(list.Items);
            page = page with { Continue = list.Continue };
        }
        while (page.Continue is { Length: > 0 });
        return items;
    }
}
