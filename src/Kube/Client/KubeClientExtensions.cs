using ModuleController.Core.Meta;

namespace ModuleController.Kube.Client;

/// <summary>Frequent combinations of the verbs of a client.</summary>
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
}
