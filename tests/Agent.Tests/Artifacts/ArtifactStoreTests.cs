using ModuleController.Agent.Artifacts;
using ModuleController.Protocol.V1;

namespace ModuleController.Agent.Tests.Artifacts;

public sealed class ArtifactStoreTests : IAsyncLifetime
{
    private ArtifactBench _bench = null!;

    private JarServer Server => _bench.Server;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _bench = await ArtifactBench.StartAsync();

    public ValueTask DisposeAsync() => _bench.DisposeAsync();

    [Theory]
    [InlineData("good.jar")]
    [InlineData("moved.jar")]
    [InlineData("busy-twice.jar")]
    public async Task A_fetched_jar_is_stored_under_its_digest(string path)
    {
        var jar = await _bench.GetAsync(path);
        Assert.Equal(_bench.Jar, await File.ReadAllBytesAsync(jar.Path, Cancellation));
        Assert.Equal(Server.Sha256, jar.Sha256);
        Assert.EndsWith($"artifacts/orders-1.0.0-{Server.Sha256}.jar", jar.Path, StringComparison.Ordinal);
        Assert.Equal(("orders", "1.0.0", "orders"), (jar.Manifest.Name, jar.Manifest.Version, jar.Manifest.WebContextPath));
        Assert.Equal($"file://{jar.Path}", jar.Url.AbsoluteUri);
    }

    [Fact]
    public async Task A_digest_mismatch_reports_both_digests()
    {
        var refused = await Assert.ThrowsAsync<ArtifactException>(() => _bench.GetAsync("good.jar", sha256: new string('0', 64)));
        Assert.Equal(Reason.DigestMismatch, refused.Reason);
        Assert.Contains(Server.Sha256, refused.Message, StringComparison.Ordinal);
        var md5 = await Assert.ThrowsAsync<ArtifactException>(() => _bench.GetAsync("good.jar", md5: new string('0', 32)));
        Assert.Equal(Reason.DigestMismatch, md5.Reason);
        await _bench.GetAsync("good.jar", sha256: Server.Sha256, md5: Server.Md5);
    }

    [Theory]
    [InlineData("orders", "1.0.1",
        "the jar is orders:1.0.0 by its manifest, not orders:1.0.1; set version to 1.0.0, or url to the jar of 1.0.1; fetched from ")]
    [InlineData("shop", "1.0.0",
        "the jar is orders:1.0.0 by its manifest, not shop:1.0.0; the name of a ModuleDeployment's module can't be changed: create a "
        + "ModuleDeployment for orders and delete this one, or set url to a jar whose Ark-Biz-Name is shop; fetched from ")]
    public async Task A_jar_of_another_name_or_version_is_refused_with_a_remedy(string name, string version, string message)
    {
        var other = new ModuleRef { ModuleUid = "u", Name = name, Version = version };
        var refused = await Assert.ThrowsAsync<ArtifactException>(
            () => _bench.Store().GetAsync(other, new() { Url = Server.Url("good.jar") }, null, () => { }, Cancellation));
        Assert.Equal((Reason.InvalidArtifact, "OTHER_MODULE", message + Server.Url("good.jar")),
            (refused.Reason, refused.Code, refused.Message));
    }

    [Theory]
    [InlineData("../orders", "1.0.0")]
    [InlineData("orders", "../../1.0.0")]
    [InlineData("..", "1.0.0")]
    [InlineData("orders/x", "1.0.0")]
    [InlineData("orders", "1:0")]
    public async Task A_name_that_would_leave_the_folder_is_refused(string name, string version)
    {
        var module = new ModuleRef { ModuleUid = "u", Name = name, Version = version };
        var refused = await Assert.ThrowsAsync<ArtifactException>(
            () => _bench.Store().GetAsync(module, new() { Url = Server.Url("good.jar") }, null, () => { }, Cancellation));
        Assert.Equal((Reason.InvalidArtifact, "BAD_NAME"), (refused.Reason, refused.Code));
    }

    [Fact]
    public async Task A_cached_jar_is_reused_and_a_changed_one_is_fetched_again()
    {
        var first = await _bench.GetAsync("good.jar");
        var known = await _bench.Store().GetAsync(
            ArtifactBench.Orders, new() { Url = "http://127.0.0.1:9/gone.jar", Sha256 = Server.Sha256 }, null, () => { }, Cancellation);
        Assert.Equal(first.Path, known.Path);

        await File.WriteAllTextAsync(first.Path, "rotten", Cancellation);
        await _bench.GetAsync("good.jar", sha256: Server.Sha256);
        Assert.Equal(_bench.Jar, await File.ReadAllBytesAsync(first.Path, Cancellation));
    }

    [Fact]
    public void Unused_jars_are_evicted_the_oldest_first()
    {
        var store = _bench.Store(keepUnused: 1);
        foreach (var (name, hours) in new[] { ("used", 9), ("old", 8), ("older", 9), ("new", 1) })
        {
            File.WriteAllText(Path.Combine(_bench.Folder, name + ".jar"), name);
            File.SetLastWriteTimeUtc(Path.Combine(_bench.Folder, name + ".jar"),
                TimeProvider.System.GetUtcNow().UtcDateTime.AddHours(-hours));
        }

        store.Evict([Path.Combine(_bench.Folder, "used.jar")]);
        Assert.Equal(["new.jar", "used.jar"], Directory.GetFiles(_bench.Folder).Select(Path.GetFileName).Order());
    }
}
