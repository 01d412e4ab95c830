using System.Text.Json.Nodes;
using ModuleController.Kube;

namespace ModuleController.DevKubelet;

/// <summary>
/// Directories in place of a pod's volumes: empty ones, ConfigMaps and Secrets as they were at the start, and service
/// account tokens, which are renewed at four fifths of their life.
/// </summary>
internal sealed class PodVolumes(RunnerPod pod, PodPlace place, KubeClient client, TimeProvider time)
{
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(5);

    private readonly string _namespace = pod.Metadata.Namespace ?? "";
    private readonly List<Token> _tokens = [];

    /// <summary>Makes all directories and their first content; fails where something is missing or of an unknown kind.</summary>
    public async Task MountAsync(CancellationToken cancellation)
    {
        _tokens.Clear();
        foreach (var volume in pod.Spec.Volumes)
        {
            var directory = place.OfVolume(volume.Name);
            Directory.CreateDirectory(directory);
            switch (volume)
            {
                case { EmptyDir: not null }:
                    break;
                case { ConfigMap: { } reference }:
                    await WriteAsync(directory, await ReadAsync<RunnerConfigMap>(reference.Name, cancellation), cancellation);
                    break;
                case { Secret: { } reference }:
                    await WriteAsync(directory, await ReadAsync<RunnerSecret>(reference.SecretName, cancellation), cancellation);
                    break;
                case { Projected: { } projected }:
                    foreach (var source in projected.Sources ?? []) await ProjectAsync(volume, source, directory, cancellation);
                    break;
                default:
                    throw new NotSupportedException(
                        $"volume \"{volume.Name}\": only emptyDir, configMap, secret and projected service account tokens are supported");
            }
        }
    }

    /// <summary>Renews the tokens until cancelled.</summary>
    public async Task RenewAsync(CancellationToken cancellation)
    {
        try
        {
            while (_tokens.Count > 0)
            {
                var token = _tokens.MinBy(token => token.RenewAt)!;
                var wait = token.RenewAt - time.GetUtcNow();
                if (wait > TimeSpan.Zero) await Task.Delay(wait, time, cancellation);
                await TryRenewAsync(token, cancellation);
            }
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // The pod ends.
        }
    }

    private async Task ProjectAsync(Volume volume, ProjectedSource source, string directory, CancellationToken cancellation)
    {
        if (source.ServiceAccountToken is not { } projection)
            throw new NotSupportedException($"volume \"{volume.Name}\": of projected sources only serviceAccountToken is supported");
        var token = new Token(projection, Path.Combine(directory, projection.Path));
        await RequestAsync(token, cancellation);
        _tokens.Add(token);
    }

    private async Task TryRenewAsync(Token token, CancellationToken cancellation)
    {
        try
        {
            await RequestAsync(token, cancellation);
        }
        catch (KubeException)
        {
            token.RenewAt = time.GetUtcNow() + RetryAfter; // a fifth of its life is left for tries
        }
    }

    private async Task RequestAsync(Token token, CancellationToken cancellation)
    {
        var spec = new JsonObject
        {
            ["expirationSeconds"] = token.Projection.ExpirationSeconds ?? 3600,
            ["boundObjectRef"] = new JsonObject
            {
                ["apiVersion"] = "v1",
                ["kind"] = "Pod",
                ["name"] = pod.Metadata.Name,
                ["uid"] = pod.Metadata.Uid,
            },
        };
        if (token.Projection.Audience is { } audience) spec["audiences"] = new JsonArray(audience);
        var asked = time.GetUtcNow();
        var answer = await client.CreateSubresourceAsync<RunnerServiceAccount>(
            new(_namespace, pod.Spec.ServiceAccountName ?? "default"),
            "token",
            new() { ["apiVersion"] = "authentication.k8s.io/v1", ["kind"] = "TokenRequest", ["spec"] = spec },
            cancellation);
        var expires = answer["status"]!["expirationTimestamp"]!.GetValue<DateTimeOffset>();
        token.RenewAt = asked + ((expires - asked) * 0.8);

        // Readers see the old token or the new one, never half of it.
        Directory.CreateDirectory(Path.GetDirectoryName(token.File)!);
        await File.WriteAllTextAsync(token.File + ".new", answer["status"]!["token"]!.GetValue<string>(), cancellation);
        File.Move(token.File + ".new", token.File, overwrite: true);
    }

    private async Task<IReadOnlyDictionary<string, byte[]>> ReadAsync<T>(string name, CancellationToken cancellation)
        where T : class, IFiles => (await client.GetAsync<T>(new(_namespace, name), cancellation)).Files;

    private static async Task WriteAsync(string directory, IReadOnlyDictionary<string, byte[]> files, CancellationToken cancellation)
    {
        foreach (var (name, content) in files) await File.WriteAllBytesAsync(Path.Combine(directory, name), content, cancellation);
    }

    private sealed class Token(TokenProjection projection, string file)
    {
        public TokenProjection Projection { get; } = projection;

        public string File { get; } = file;

        public DateTimeOffset RenewAt { get; set; }
    }
}
