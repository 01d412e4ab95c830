using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using ModuleController.Agent.Artifacts;
using ModuleController.Protocol.V1;

namespace ModuleController.Agent.Tests.Artifacts;

/// <summary>What the agent downloads under an artifact policy.</summary>
public sealed class DownloadPolicyTests : IAsyncLifetime
{
    private ArtifactBench _bench = null!;

    private JarServer Server => _bench.Server;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _bench = await ArtifactBench.StartAsync();

    public ValueTask DisposeAsync() => _bench.DisposeAsync();

    [Fact]
    public async Task A_jar_of_an_allowed_source_within_the_limit_and_with_a_digest_is_fetched()
    {
        var policy = new SourcePolicy { Sources = { Server.Address }, MaxBytes = (ulong)_bench.Jar.Length, RequireSha256 = true };
        var jar = await GetAsync(Server.Url("good.jar"), policy, Server.Sha256);
        Assert.Equal(_bench.Jar, await File.ReadAllBytesAsync(jar.Path, Cancellation));
    }

    [Fact]
    public async Task A_redirect_within_the_allowed_sources_is_followed()
    {
        await using var other = new JarServer(_bench.Jar, _bench.Folder);
        await other.StartAsync(Cancellation);
        var policy = new SourcePolicy { Sources = { Server.Address, other.Address } };
        Assert.Equal(Server.Sha256, (await GetAsync(MovedTo(other.Url("good.jar")), policy)).Sha256);
    }

    [Fact]
    public async Task A_redirect_to_another_host_is_refused_before_it_is_connected_to()
    {
        using var evil = new TcpListener(IPAddress.Loopback, 0);
        evil.Start();
        var target = $"http://{evil.LocalEndpoint}/orders.jar";
        var refused = await RefusedAsync(
            MovedTo(target + "?token=s3cr3t"), new() { Sources = { Server.Address } }, "REDIRECT_NOT_ALLOWED");
        Assert.Equal(
            $"{Server.Url("moved-to")} redirects to {target}, which the artifact policy does not allow ({Server.Address}/)",
            refused.Message);
        Assert.False(evil.Pending());
    }

    [Theory]
    [InlineData("/good.jar")]
    [InlineData("/modules/../good.jar")]
    [InlineData("/modules/%2e%2e/good.jar")]
    [InlineData("/modules/..%2fgood.jar")]
    public async Task A_redirect_that_leaves_the_allowed_folder_is_refused(string target)
    {
        var folder = new SourcePolicy { Sources = { Server.Url("moved-to"), Server.Url("modules") } };
        await RefusedAsync(MovedTo(target), folder, "REDIRECT_NOT_ALLOWED");
    }

    [Fact]
    public async Task Each_redirect_of_a_chain_is_checked()
    {
        var chain = MovedTo(MovedTo("http://localhost:9/orders.jar"));
        var refused = await RefusedAsync(chain, new() { Sources = { Server.Address } }, "REDIRECT_NOT_ALLOWED");
        Assert.Contains("redirects to http://localhost:9/orders.jar", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_url_elsewhere_is_refused_without_a_request_and_without_its_secrets()
    {
        var refused = await RefusedAsync(
            Server.PrivateUrl("busy.jar") + "?token=s3cr3t", new() { Sources = { "https://allowed.example/modules" } },
            "SOURCE_NOT_ALLOWED");
        Assert.Equal(
            $"{Server.Url("busy.jar")} is not at a source that the artifact policy allows (https://allowed.example/modules)",
            refused.Message);
        Assert.Equal(0, Server.Requests);
    }

    [Fact]
    public async Task A_file_is_allowed_only_at_an_allowed_source()
    {
        var url = new Uri(_bench.SourceJar).AbsoluteUri;
        await RefusedAsync(url, new() { Sources = { Server.Address } }, "SOURCE_NOT_ALLOWED");
        await RefusedAsync(url, new() { Sources = { "file:///elsewhere" } }, "SOURCE_NOT_ALLOWED");
        await RefusedAsync(url, new() { Sources = { "file:///" }, MaxBytes = 1000 }, "TOO_LARGE");
        await GetAsync(url, new() { Sources = { new Uri(Path.GetDirectoryName(_bench.SourceJar)!).AbsoluteUri } });
    }

    [Fact]
    public async Task A_jar_without_a_required_digest_is_not_requested()
    {
        var refused = await RefusedAsync(Server.Url("busy.jar"), new() { RequireSha256 = true }, "DIGEST_REQUIRED");
        Assert.Equal($"the artifact policy requires a sha256 for {Server.Url("busy.jar")}", refused.Message);
        Assert.Equal(0, Server.Requests);
    }

    [Theory]
    [InlineData("huge.jar")]
    [InlineData("endless.jar")]
    [InlineData("compressed.jar?size=100000000")]
    [InlineData("moved-to?url=/endless.jar")]
    public async Task A_download_beyond_the_limit_is_refused_and_leaves_no_file(string path)
    {
        var refused = await RefusedAsync(Server.Url(path), new() { MaxBytes = 100_000 }, "TOO_LARGE");
        Assert.Equal(
            $"{Server.Url(path.Split('?')[0])} is larger than the 100000 bytes that the artifact policy allows", refused.Message);
        Assert.Empty(Directory.GetFiles(_bench.Folder));
    }

    [Theory]
    [InlineData(null)]
    [InlineData(50_000_000)]
    public async Task A_download_stops_at_the_limit(int? contentLength)
    {
        using var body = new CountedStream();
        using var server = new StreamServer(body, contentLength);
        using var http = new HttpClient(server);
        var policy = new DownloadPolicy(new() { Url = "https://jars/orders.jar", Policy = new() { MaxBytes = 100_000 } });
        using var folder = new TemporaryFolder();
        var part = new PartFile(folder.Combine("orders.part"), length => policy.CheckLength(length));

        var download = new HttpDownload(http, new(null, NullLogger.Instance), new(), TimeProvider.System);
        await Assert.ThrowsAsync<ArtifactException>(
            () => download.RunAsync(new("https://jars/orders.jar"), part, policy, Cancellation));

        // One block more shows that there is more.
        Assert.InRange(body.Length, 0, contentLength is null ? 100_000 + (64 * 1024) : 0);
        Assert.True(part.Length <= 100_000);
    }

    [Fact]
    public async Task The_smaller_of_both_limits_counts()
    {
        var own = await RefusedAsync(Server.Url("huge.jar"), new() { MaxBytes = ulong.MaxValue }, "TOO_LARGE", Reason.InvalidArtifact);
        Assert.EndsWith("is larger than the 300000 bytes that an artifact may have", own.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_jar_of_another_Module_on_the_volume_is_subject_to_the_policy()
    {
        await GetAsync(Server.Url("good.jar"), new());
        var limit = (ulong)_bench.Jar.Length - 1;
        await RefusedAsync("http://127.0.0.1:9/x.jar", new() { Sources = { Server.Address } }, "SOURCE_NOT_ALLOWED");
        await RefusedAsync(Server.Url("busy.jar"), new() { Sources = { Server.Address }, MaxBytes = limit }, "TOO_LARGE");
        await GetAsync(Server.Url("busy.jar"), new() { Sources = { Server.Address } }, Server.Sha256);
        Assert.Equal(0, Server.Requests);
    }

    private string MovedTo(string url) => Server.Url($"moved-to?url={Uri.EscapeDataString(url)}");

    private Task<CachedJar> GetAsync(string url, SourcePolicy policy, string? sha256 = null) => _bench.Store().GetAsync(
        ArtifactBench.Orders, new() { Url = url, Sha256 = sha256 ?? "", Policy = policy }, null, () => { }, Cancellation);

    private async Task<ArtifactException> RefusedAsync(
        string url, SourcePolicy policy, string code, Reason reason = Reason.ArtifactNotAllowed)
    {
        var sha256 = policy.RequireSha256 ? "" : Server.Sha256;
        var refused = await Assert.ThrowsAsync<ArtifactException>(() => GetAsync(url, policy, sha256));
        Assert.Equal((reason, code, false), (refused.Reason, refused.Code, refused.IsTransient));
        return refused;
    }

    private sealed class StreamServer(Stream body, int? length) : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var content = new StreamContent(body);
            content.Headers.ContentLength = length;
            return Task.FromResult(new HttpResponseMessage(HttpStatusCode.OK) { Content = content });
        }
    }

    /// <summary>Never ends, and counts what was read.</summary>
    private sealed class CountedStream : Stream
    {
        private long _read;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => _read;

        public override long Position { get => _read; set => throw new NotSupportedException(); }

        public override int Read(byte[] buffer, int offset, int count)
        {
            _read += count;
            return count;
        }

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
