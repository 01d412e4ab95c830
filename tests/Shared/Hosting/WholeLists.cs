using ModuleController.Core.Meta;
using ModuleController.Kube.Client;

namespace ModuleController.Tests;

public static class WholeLists
{
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
