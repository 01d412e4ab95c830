using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using ModuleController.Agent.Artifacts;
using ModuleController.Dev.ArkletSimulator;
using ModuleController.Protocol.V1;

namespace ModuleController.Agent.Tests.Artifacts;

/// <summary>A store of artifacts, its folder, and a server of jars.</summary>
internal sealed class ArtifactBench : IAsyncDisposable
{
    public static readonly ModuleRef Orders = new() { ModuleUid = "u1", Name = "orders", Version = "1.0.0" };

    private readonly TemporaryFolder _folder = new();

    private ArtifactBench()
    {
        Jar = WriteJar(_folder.Combine("source.jar"));
        Server = new JarServer(Jar, Folder);
        Downloader = NewDownloader(TimeSpan.FromSeconds(60), Log);
    }

    public byte[] Jar { get; }

    public JarServer Server { get; }

    public Downloader Downloader { get; }

    public LogLines Log { get; } = new();

    /// <summary>The folder of the store.</summary>
    public string Folder => _folder.Combine("artifacts");

    public string SourceJar => _folder.Combine("source.jar");

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static async Task<ArtifactBench> StartAsync()
    {
        var bench = new ArtifactBench();
        await bench.Server.StartAsync(Cancellation);
        return bench;
    }

    public static Downloader NewDownloader(TimeSpan idleTimeout, ILogger log) => new(
        new DownloadLimits { MaxBytes = 300_000, FirstDelay = TimeSpan.FromMilliseconds(5), IdleTimeout = idleTimeout },
        TimeProvider.System, log);

    public ArtifactStore Store(int keepUnused = 10, Downloader? downloader = null) =>
        new(Folder, downloader ?? Downloader, TimeProvider.System, NullLogger.Instance) { KeepUnused = keepUnused };

    public Task<CachedJar> GetAsync(string path, string sha256 = "", string md5 = "", Downloader? downloader = null) =>
        Store(downloader: downloader).GetAsync(
            Orders, new() { Url = Server.Url(path), Sha256 = sha256, Md5 = md5 }, null, () => { }, Cancellation);

    public Task<CachedJar> FromAsync(string url, ModuleRef? module = null) =>
        Store().GetAsync(module ?? Orders, new() { Url = url }, null, () => { }, Cancellation);

    public async ValueTask DisposeAsync()
    {
        Downloader.Dispose();
        await Server.DisposeAsync();
        _folder.Dispose();
    }

    private static byte[] WriteJar(string path)
    {
        // Large and incompressible, so that a download can be cut in the middle.
        SampleJar.Write(path, "orders", "1.0.0", "orders", new Dictionary<string, string>
        {
            ["Filler"] = Convert.ToHexString(new Random(7).GetItems(Enumerable.Range(0, 256).Select(i => (byte)i).ToArray(), 100_000)),
        });
        return File.ReadAllBytes(path);
    }
}
