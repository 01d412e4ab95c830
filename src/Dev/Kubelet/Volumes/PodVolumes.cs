using System.Text;
using ModuleController.Dev.Kubelet.Containers;
using ModuleController.Dev.Kubelet.Resources;
using ModuleController.Kube.Client;

namespace ModuleController.Dev.Kubelet.Volumes;

/// <summary>
/// Directories in place of a pod's volumes. ConfigMaps, Secrets and fields of the pod stay as at the start;
/// service account tokens are renewed at four fifths of their life.
/// </summary>
internal sealed class PodVolumes(RunnerPod pod, PodPlace place, KubeClient client, TimeProvider time)
{
    private const int DefaultMode = 0b110_100_100;
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(5);

    private readonly VolumeObjects _objects = new(client, pod.Metadata.Namespace ?? "");
    private readonly List<Token> _tokens = [];

    /// <summary>Creates all directories and their files. Throws for the first volume that cannot be mounted.</summary>
    public async Task MountAsync(CancellationToken cancellation)
    {
        _tokens.Clear();
        foreach (var volume in pod.Spec.Volumes)
        {
            try
            {
                await MountAsync(volume, cancellation);
            }
            catch (Exception problem) when (problem is not OperationCanceledException)
            {
                throw new VolumeException(volume.Name, problem);
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

    private async Task MountAsync(Volume volume, CancellationToken cancellation)
    {
        var directory = place.OfVolume(volume.Name);
        Directory.CreateDirectory(directory);
        var projected = Projected(volume);
        foreach (var source in projected.Sources ?? [])
            await ProjectAsync(source, directory, projected.DefaultMode ?? DefaultMode, cancellation);
    }

    /// <summary>Converts each kind of volume to a projected one.</summary>
    private static ProjectedVolume Projected(Volume volume) => volume switch
    {
        { EmptyDir: not null } => new(),
        { Projected: { } projected } => projected,
        { ConfigMap: { } configMap } => new([new() { ConfigMap = configMap }], configMap.DefaultMode),
        { Secret: { } secret } => new([new() { Secret = secret with { Name = secret.SecretName } }], secret.DefaultMode),
        { DownwardApi: { } fields } => new([new() { DownwardApi = fields }], fields.DefaultMode),
        _ => throw new NotSupportedException("only emptyDir, configMap, secret, downwardAPI and projected volumes are supported"),
    };

    private async Task ProjectAsync(ProjectedSource source, string directory, int mode, CancellationToken cancellation)
    {
        if (source.ServiceAccountToken is { } projection)
        {
            var token = new Token(projection, directory, mode);
            await RequestAsync(token, cancellation);
            _tokens.Add(token);
            return;
        }

        foreach (var file in await FilesAsync(source, cancellation)) await WriteAsync(directory, file, mode, cancellation);
    }

    private async Task<IReadOnlyList<VolumeFile>> FilesAsync(ProjectedSource source, CancellationToken cancellation) => source switch
    {
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

    private async Task TryRenewAsync(Token token, CancellationToken cancellation)
    {
        try
        {
            await RequestAsync(token, cancellation);
        }
        catch (Exception problem) when (problem is not OperationCanceledException)
        {
            token.RenewAt = time.GetUtcNow() + RetryAfter; // a fifth of its lifetime remains for retries
        }
    }

    private async Task RequestAsync(Token token, CancellationToken cancellation)
    {
        var requestedAt = time.GetUtcNow();
        var status = await _objects.RequestTokenAsync(pod, token.Projection, cancellation);
        var expiresAt = status["expirationTimestamp"]!.GetValue<DateTimeOffset>();
        token.RenewAt = requestedAt + ((expiresAt - requestedAt) * 0.8);
        var content = Encoding.UTF8.GetBytes(status["token"]!.GetValue<string>());
        await WriteAsync(token.Directory, new(token.Projection.Path, content), token.Mode, cancellation);
    }

    /// <summary>Readers get the previous file or the new one, never a part.</summary>
    private static async Task WriteAsync(string directory, VolumeFile file, int mode, CancellationToken cancellation)
    {
        if (Path.IsPathRooted(file.Path) || file.Path.Split('/').Contains(".."))
            throw new ArgumentException($"invalid path \"{file.Path}\": must be relative and not contain '..'");
        var path = Path.Combine(directory, file.Path);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        await File.WriteAllBytesAsync(path + ".new", file.Content, cancellation);
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(path + ".new", (UnixFileMode)(file.Mode ?? mode));
        File.Move(path + ".new", path, overwrite: true);
    }

    private sealed class Token(TokenProjection projection, string directory, int mode)
    {
        public TokenProjection Projection { get; } = projection;

        public string Directory { get; } = directory;

        public int Mode { get; } = mode;

        public DateTimeOffset RenewAt { get; set; }
    }
}

/// <summary>A volume that cannot be mounted, with the message of the kubelet's FailedMount event.</summary>
internal sealed class VolumeException(string volume, Exception problem)
    : Exception($"MountVolume.SetUp failed for volume \"{volume}\" : {problem.Message}", problem);
