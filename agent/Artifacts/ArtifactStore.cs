using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using ModuleController.Core.Meta;
using ModuleController.Protocol.V1;

namespace ModuleController.Agent.Artifacts;

/// <summary>A jar on the shared volume, whose digest and manifest were checked.</summary>
public sealed record CachedJar(string Path, JarManifest Manifest, string Sha256, long Size)
{
    public Uri Url => new(Path);

    public Artifact ToArtifact() => new()
    {
        Name = Manifest.Name,
        Version = Manifest.Version,
        WebContextPath = Manifest.WebContextPath ?? "",
        Sha256 = Sha256,
        SizeBytes = Size,
    };
}

/// <summary>
/// The jars on the volume that agent and JVM share, one file per content: <c>name-version-sha256.jar</c>. A file gets that name when it is
/// complete and checked, so a crash leaves no partial jar under it.
/// </summary>
public sealed class ArtifactStore
{
    private const string PartSuffix = ".part";
    /// <summary>A jar that was fetched or used within this time is not evicted: another command may be about to install it.</summary>
    private static readonly TimeSpan InUsePeriod = TimeSpan.FromMinutes(10);
    private readonly string _folder;
    private readonly Downloader _downloader;
    private readonly TimeProvider _time;
    private readonly ILogger _log;

    public ArtifactStore(string folder, Downloader downloader, TimeProvider time, ILogger log)
    {
        (_folder, _downloader, _time, _log) = (Path.GetFullPath(folder), downloader, time, log);
        Directory.CreateDirectory(_folder);
        foreach (var part in Directory.EnumerateFiles(_folder, "*" + PartSuffix)) File.Delete(part);
    }

    /// <summary>Unused jars beyond this many are removed, the oldest first.</summary>
    public int KeepUnused { get; init; } = 10;

    /// <summary>Letters, digits, dot, dash and underscore; not <c>.</c> or <c>..</c>. Such a name can't leave the folder.</summary>
    public static bool IsSafeName(string name) =>
        name is not ("" or "." or "..") && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_');

    /// <summary>
    /// The jar of <paramref name="module"/>, from the cache or from its source, as the policy of the source allows.
    /// <paramref name="verifying"/> is called when the download has ended. Throws <see cref="ArtifactException"/>.
    /// </summary>
    public async Task<CachedJar> GetAsync(ModuleRef module, Source source, string? known, Action verifying, CancellationToken cancellation)
    {
        if (!IsSafeName(module.Name) || !IsSafeName(module.Version))
            throw new ArtifactException(
                Reason.InvalidArtifact, "BAD_NAME",
                $"module name \"{module.Name}\" or version \"{module.Version}\" is not a valid file name");
        var policy = new DownloadPolicy(source);
        policy.CheckSource();
        if (Find(module, source, known) is { } cached && await TryReuseAsync(cached, module, source, cancellation) is { } jar)
        {
            policy.CheckLength(jar.Size);
            return jar;
        }

        if (!Uri.TryCreate(source.Url, UriKind.Absolute, out var url) || url.Scheme is not ("http" or "https" or "file"))
        {
            throw new ArtifactException(
                Reason.InvalidArtifact, "BAD_URL",
                "url must be an http, https or file URL, such as https://repo.example.com/orders-1.0.0.jar, "
                + $"not \"{UrlText.Of(source.Url)}\"");
        }

        var part = Path.Combine(_folder, $"{module.Name}-{module.Version}-{Guid.NewGuid():N}{PartSuffix}");
        try
        {
            await _downloader.FetchAsync(url, part, policy, cancellation);
            verifying();
            var fetched = await CheckAsync(part, module, source, cancellation);
            return StoreJar(fetched);
        }
        finally
        {
            File.Delete(part);
        }
    }

    /// <summary>A jar of the volume, if it still is the one of the source. No policy applies.</summary>
    public async Task<CachedJar?> TryReuseAsync(string path, ModuleRef module, Source source, CancellationToken cancellation)
    {
        try
        {
            var jar = await CheckAsync(path, module, source, cancellation);
            File.SetLastWriteTimeUtc(path, _time.GetUtcNow().UtcDateTime);
            return jar;
        }
        catch (Exception e) when (e is ArtifactException or IOException)
        {
            // It is missing, or does not match the source any more: fetch it.
            return null;
        }
    }

    /// <summary>Removes the jars that are not in <paramref name="used"/>, except the newest ones.</summary>
    public void Evict(IEnumerable<string> used)
    {
        var kept = used.ToHashSet(StringComparer.Ordinal);
        var unused = new DirectoryInfo(_folder).EnumerateFiles("*.jar")
            .Where(file => !kept.Contains(file.FullName) && _time.GetUtcNow() - file.LastWriteTimeUtc >= InUsePeriod)
            .OrderByDescending(file => file.LastWriteTimeUtc)
            .Skip(KeepUnused);
        foreach (var file in unused)
        {
            try
            {
                file.Delete();
                _log.JarEvicted(file.FullName);
            }
            catch (IOException e)
            {
                _log.JarNotEvicted(file.FullName, e);
            }
        }
    }

    /// <summary>The jar that was staged for this Module, or one with the requested digest.</summary>
    private string? Find(ModuleRef module, Source source, string? known)
    {
        if (known is not null && File.Exists(known)) return known;
        if (source.Sha256.Length == 0 || !IsSafeName(source.Sha256)) return null;
        var path = PathOf(module.Name, module.Version, source.Sha256);
        return File.Exists(path) ? path : null;
    }

    private static async Task<CachedJar> CheckAsync(string path, ModuleRef module, Source source, CancellationToken cancellation)
    {
        var (sha256, size) = await CheckDigestsAsync(path, source, cancellation);
        JarManifest manifest;
        try
        {
            manifest = JarManifest.Read(path);
        }
        catch (InvalidDataException e)
        {
            throw new ArtifactException(Reason.InvalidArtifact, "BAD_JAR", $"{UrlText.Of(source.Url)} is not a biz jar: {e.Message}", e);
        }

        if (manifest.Name == module.Name && manifest.Version == module.Version) return new(path, manifest, sha256, size);
        throw new ArtifactException(
            Reason.InvalidArtifact, "OTHER_MODULE",
            $"the jar is {manifest.Name}:{manifest.Version} by its manifest, not {module.Name}:{module.Version}; "
            + $"{Remedy(manifest, module)}; fetched from {UrlText.Of(source.Url)}");
    }

    // In front of the url: a long url is cut off at the end of the message.
    private static string Remedy(JarManifest manifest, ModuleRef module) => manifest.Name == module.Name
        ? $"set version to {manifest.Version}, or url to the jar of {module.Version}"
        : $"the name of a ModuleDeployment's module can't be changed: create a ModuleDeployment for {manifest.Name} and delete this one, "
            + $"or set url to a jar whose Ark-Biz-Name is {module.Name}";

    private static async Task<(string Sha256, long Size)> CheckDigestsAsync(string path, Source source, CancellationToken cancellation)
    {
        using var sha256 = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        // v1 manifests carry md5: a check against accidents, not against malice.
        using var md5 = source.Md5.Length > 0 ? IncrementalHash.CreateHash(HashAlgorithmName.MD5) : null;
        await using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1, FileOptions.Asynchronous);
        var buffer = new byte[64 * 1024];
        while (await file.ReadAsync(buffer, cancellation) is var count and > 0)
        {
            sha256.AppendData(buffer, 0, count);
            md5?.AppendData(buffer, 0, count);
        }

        var actual = Convert.ToHexStringLower(sha256.GetHashAndReset());
        Compare("SHA-256", source.Sha256, actual);
        if (md5 is not null) Compare("MD5", source.Md5, Convert.ToHexStringLower(md5.GetHashAndReset()));
        return (actual, file.Length);

        void Compare(string kind, string expected, string found)
        {
            if (expected.Length > 0 && !string.Equals(expected, found, StringComparison.OrdinalIgnoreCase))
                throw new ArtifactException(
                    Reason.DigestMismatch, "DIGEST_MISMATCH", $"{UrlText.Of(source.Url)}: {kind} is {found}, not {expected}");
        }
    }

    private CachedJar StoreJar(CachedJar fetched)
    {
        var path = PathOf(fetched.Manifest.Name, fetched.Manifest.Version, fetched.Sha256);
        try
        {
            using (var handle = File.OpenHandle(fetched.Path, FileMode.Open, FileAccess.ReadWrite)) RandomAccess.FlushToDisk(handle);
            File.Move(fetched.Path, path, overwrite: true);
        }
        catch (IOException e)
        {
            throw new ArtifactException(Reason.DiskFull, "DISK_FULL", $"cannot store {Path.GetFileName(path)}: {e.Message}", e);
        }

        return fetched with { Path = path };
    }

    private string PathOf(string name, string version, string sha256) =>
        Path.Combine(_folder, $"{name}-{version}-{sha256.ToLowerInvariant()}.jar");
}
