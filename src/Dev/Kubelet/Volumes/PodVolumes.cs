using System.Text;
using ModuleController.Dev.Kubelet.Containers;
using ModuleController.Dev.Kubelet.Resources;
using ModuleController.Kube.Client;

namespace ModuleController.Dev.Kubelet.Volumes;

/// <summary>
/// Directories in place of a pod's volumes. Files of ConfigMaps and Secrets follow their objects, fields of the pod stay as at the
/// start, and service account tokens are renewed at four fifths of their life.
/// </summary>
internal sealed class PodVolumes(RunnerPod pod, PodPlace place, KubeClient client, TimeProvider time)
{
    /// <summary>How often ConfigMaps and Secrets are read. A real kubelet may need two minutes to notice a change.</summary>
    public static readonly TimeSpan RefreshInterval = TimeSpan.FromSeconds(1);

    private const int DefaultMode = 0b110_100_100;

    private readonly VolumeObjects _objects = new(client, pod.Metadata.Namespace ?? "");
    private readonly List<Mounted> _mounted = [];

    /// <summary>Creates all directories and their files. Throws for the first volume that cannot be mounted.</summary>
    public async Task MountAsync(CancellationToken cancellation)
    {
        _mounted.Clear();
        foreach (var volume in pod.Spec.Volumes)
        {
            try
            {
                var directory = place.OfVolume(volume.Name);
                Directory.CreateDirectory(directory);
                if (volume.EmptyDir is not null) continue;
                var mounted = new Mounted(Projected(volume), new(directory));
                await UpdateAsync(mounted, cancellation);
                _mounted.Add(mounted);
            }
            catch (Exception problem) when (problem is not OperationCanceledException)
            {
                throw new VolumeException(volume.Name, problem);
            }
        }
    }

    /// <summary>Keeps the files current until cancelled.</summary>
    public async Task RefreshAsync(CancellationToken cancellation)
    {
        try
        {
            while (NextRefresh() is { } wait)
            {
                await Task.Delay(wait, time, cancellation);
                foreach (var mounted in _mounted) await TryUpdateAsync(mounted, cancellation);
            }
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // The pod ends.
        }
    }

    /// <summary>The time until something may have changed; null: nothing will.</summary>
    private TimeSpan? NextRefresh()
    {
        if (_mounted.Any(mounted => mounted.HasFailed
            || mounted.Sources.Any(source => source.ConfigMap is not null || source.Secret is not null))) return RefreshInterval;
        var tokens = _mounted.SelectMany(mounted => mounted.Tokens.Values).ToArray();
        if (tokens is []) return null;
        var wait = tokens.Min(token => token.RenewAt) - time.GetUtcNow();
        return wait > TimeSpan.Zero ? wait : TimeSpan.Zero;
    }

    /// <summary>After a failure the files stay as they are until the next time: a fifth of a token's life remains for that.</summary>
    private async Task TryUpdateAsync(Mounted mounted, CancellationToken cancellation)
    {
        try
        {
            await UpdateAsync(mounted, cancellation);
            mounted.HasFailed = false;
        }
        catch (Exception problem) when (problem is not OperationCanceledException)
        {
            mounted.HasFailed = true;
        }
    }

    private async Task UpdateAsync(Mounted mounted, CancellationToken cancellation)
    {
        var files = new List<VolumeFile>();
        foreach (var source in mounted.Sources) files.AddRange(await FilesAsync(source, mounted, cancellation));
        await mounted.Directory.WriteAsync(files, mounted.Volume.DefaultMode ?? DefaultMode, cancellation);
    }

    /// <summary>Converts each kind of volume to a projected one.</summary>
    private static ProjectedVolume Projected(Volume volume) => volume switch
    {
        { Projected: { } projected } => projected,
        { ConfigMap: { } configMap } => new([new() { ConfigMap = configMap }], configMap.DefaultMode),
        { Secret: { } secret } => new([new() { Secret = secret with { Name = secret.SecretName } }], secret.DefaultMode),
        { DownwardApi: { } fields } => new([new() { DownwardApi = fields }], fields.DefaultMode),
        _ => throw new NotSupportedException("only emptyDir, configMap, secret, downwardAPI and projected volumes are supported"),
    };

    private async Task<IReadOnlyList<VolumeFile>> FilesAsync(ProjectedSource source, Mounted mounted, CancellationToken cancellation) =>
        source switch
        {
            { ServiceAccountToken: { } projection } => [await TokenAsync(projection, mounted, cancellation)],
            { ConfigMap: { } configMap } => await _objects.ReadAsync<RunnerConfigMap>(
                configMap, "configmap", "configmap references non-existent config key", cancellation),
            { Secret: { } secret } =>
                await _objects.ReadAsync<RunnerSecret>(secret, "secret", "references non-existent secret key", cancellation),
            { DownwardApi: { } fields } => [.. (fields.Items ?? []).Select(FieldFile)],
            _ => throw new NotSupportedException(
                "of projected sources only serviceAccountToken, configMap, secret and downwardAPI are supported"),
        };

    private VolumeFile FieldFile(DownwardApiFile file) => file.FieldRef is { } field
        ? new(file.Path, Encoding.UTF8.GetBytes(PodFields.Of(pod, place.Identity, field.FieldPath, isVolume: true)), file.Mode)
        : throw new NotSupportedException($"\"{file.Path}\": resourceFieldRef is not supported");

    private async Task<VolumeFile> TokenAsync(TokenProjection projection, Mounted mounted, CancellationToken cancellation)
    {
        var requestedAt = time.GetUtcNow();
        if (mounted.Tokens.TryGetValue(projection, out var known) && requestedAt < known.RenewAt) return known.File;
        var status = await _objects.RequestTokenAsync(pod, projection, cancellation);
        var expiresAt = status["expirationTimestamp"]!.GetValue<DateTimeOffset>();
        var file = new VolumeFile(projection.Path, Encoding.UTF8.GetBytes(status["token"]!.GetValue<string>()));
        mounted.Tokens[projection] = new(file, requestedAt + ((expiresAt - requestedAt) * 0.8));
        return file;
    }

    private sealed class Mounted(ProjectedVolume volume, VolumeDirectory directory)
    {
        public ProjectedVolume Volume => volume;

        public IReadOnlyList<ProjectedSource> Sources => volume.Sources ?? [];

        public VolumeDirectory Directory => directory;

        public Dictionary<TokenProjection, Token> Tokens { get; } = [];

        public bool HasFailed { get; set; }
    }

    private sealed record Token(VolumeFile File, DateTimeOffset RenewAt);
}

/// <summary>A volume that cannot be mounted, with the message of the kubelet's FailedMount event.</summary>
internal sealed class VolumeException(string volume, Exception problem)
    : Exception($"MountVolume.SetUp failed for volume \"{volume}\" : {problem.Message}", problem);
