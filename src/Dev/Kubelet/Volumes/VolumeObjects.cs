using System.Text.Json.Nodes;
using ModuleController.Dev.Kubelet.Resources;
using ModuleController.Kube.Client;

namespace ModuleController.Dev.Kubelet.Volumes;

/// <param name="Path">Below the volume's directory.</param>
/// <param name="Mode">Permission bits; null: those of the volume.</param>
internal sealed record VolumeFile(string Path, byte[] Content, int? Mode = null);

/// <summary>Reads the content of a pod's volumes from the API. Failures have the kubelet's messages.</summary>
internal sealed class VolumeObjects(KubeClient client, string ns)
{
    /// <summary>The files of a ConfigMap or Secret; none if it is optional and does not exist.</summary>
    /// <param name="kind">As messages name it.</param>
    /// <param name="missingKey">The message for an item whose key the object lacks.</param>
    public async Task<IReadOnlyList<VolumeFile>> ReadAsync<T>(
        ObjectVolume volume, string kind, string missingKey, CancellationToken cancellation) where T : class, IFiles
    {
        var isOptional = volume.Optional ?? false;
        if (await FindAsync<T>(volume.Name ?? "", cancellation) is not { } found)
            return isOptional ? [] : throw new InvalidOperationException($"{kind} \"{volume.Name}\" not found");
        if (volume.Items is not [_, ..] items) return [.. found.Files.Select(file => new VolumeFile(file.Key, file.Value))];
        if (!isOptional && items.FirstOrDefault(item => !found.Files.ContainsKey(item.Key)) is { } missing)
            throw new InvalidOperationException($"{missingKey}: {missing.Key}");
        return [.. items.Where(item => found.Files.ContainsKey(item.Key)).Select(
            item => new VolumeFile(item.Path, found.Files[item.Key], item.Mode))];
    }

    /// <summary>The status of a TokenRequest that is bound to the pod.</summary>
    public async Task<JsonObject> RequestTokenAsync(RunnerPod pod, TokenProjection projection, CancellationToken cancellation)
    {
        var spec = new JsonObject
        {
            ["expirationSeconds"] = projection.ExpirationSeconds ?? 3600,
            ["boundObjectRef"] = new JsonObject
            {
                ["apiVersion"] = "v1",
                ["kind"] = "Pod",
                ["name"] = pod.Metadata.Name,
                ["uid"] = pod.Metadata.Uid,
            },
        };
        if (projection.Audience is { } audience) spec["audiences"] = new JsonArray(audience);
        var request = new JsonObject { ["apiVersion"] = "authentication.k8s.io/v1", ["kind"] = "TokenRequest", ["spec"] = spec };
        try
        {
            var answer = await client.CreateSubresourceAsync<RunnerServiceAccount>(
                new(ns, pod.Spec.ServiceAccountName ?? "default"), "token", request, cancellation);
            return answer["status"]!.AsObject();
        }
        catch (KubeException problem)
        {
            throw new InvalidOperationException($"failed to fetch token: {problem.Error.Message}", problem);
        }
    }

    private async Task<T?> FindAsync<T>(string name, CancellationToken cancellation) where T : class, IFiles
    {
        try
        {
            return await client.FindAsync<T>(new(ns, name), cancellation);
        }
        catch (KubeException problem)
        {
            throw new InvalidOperationException(problem.Error.Message, problem);
        }
    }
}
