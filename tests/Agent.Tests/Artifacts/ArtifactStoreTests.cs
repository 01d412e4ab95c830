using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using ModuleController.Agent.Artifacts;
using ModuleController.Agent.Commands;
using ModuleController.Dev.ArkletSimulator;
using ModuleController.Protocol.V1;
using ModuleController.Tests;

namespace ModuleController.Agent.Tests.Artifacts;

/// <summary>Downloads from a real web server that misbehaves on order.</summary>
public sealed class ArtifactStoreTests : IAsyncLifetime
{
    private static readonly ModuleRef Orders = new() { ModuleUid = "u1", Name = "orders", Version = "1.0.0" };
    private readonly TemporaryFolder _folder = new();
    private readonly List<string> _ranges = [];
    private readonly List<string> _authorizations = [];
    private readonly LogLines _log = new();
    private readonly Downloader _downloader;

    // For the server that is silent on purpose.
    private readonly Downloader _hasty = new(
        new DownloadLimits { MaxBytes = 300_000, FirstDelay = TimeSpan.FromMilliseconds(5), IdleTimeout = TimeSpan.FromMilliseconds(500) },
        TimeProvider.System, NullLogger.Instance);

    private WebApplication? _server;
    private byte[] _jar = [];
    private int _requests;

    public ArtifactStoreTests() => _downloader = new(
        new DownloadLimits { MaxBytes = 300_000, FirstDelay = TimeSpan.FromMilliseconds(5), IdleTimeout = TimeSpan.FromSeconds(60) },
        TimeProvider.System, _log);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        var jar = _folder.Combine("source.jar");
        // Filled up with what doesn't compress, so that there is something to cut.
        SampleJar.Write(jar, "orders", "1.0.0", "orders", new Dictionary<string, string>
        {
            ["Filler"] = Convert.ToHexString(new Random(7).GetItems(Enumerable.Range(0, 256).Select(i => (byte)i).ToArray(), 100_000)),
        });
        _jar = await File.ReadAllBytesAsync(jar, Cancellation);

        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0").ConfigureKestrel(options => options.Limits.MaxRequestLineSize = 16 * 1024);
        _server = builder.Build();
        _server.MapGet("/good.jar", () => Results.Bytes(_jar));
        _server.MapGet("/cut-once.jar", context => CutAsync(context, tagged: true));
        _server.MapGet("/cut-untagged.jar", context => CutAsync(context, tagged: false));
        _server.MapGet("/busy-twice.jar", () => ++_requests <= 2 ? Results.StatusCode(503) : Results.Bytes(_jar));
        _server.MapGet("/busy.jar", () => { _requests++; return Results.StatusCode(503); });
        _server.MapGet("/silent.jar", async context =>
        {
            _requests++;
            await context.Response.Body.WriteAsync(_jar.AsMemory(0, 10));
            await context.Response.Body.FlushAsync();
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.RequestAborted);
        });
        _server.MapGet("/moved.jar", () => Results.Redirect("/good.jar"));
        _server.MapGet("/moved-to-file.jar", () => Results.Redirect("file:///etc/hostname"));
        _server.MapGet("/moved-to-https.jar", () => Results.Redirect("https://127.0.0.1/good.jar"));
        _server.MapGet("/circle.jar", () => Results.Redirect("/circle.jar"));
        _server.MapGet("/huge.jar", () => Results.Bytes(new byte[300_001]));
        _server.MapGet("/endless.jar", async context =>
        {
            while (!context.RequestAborted.IsCancellationRequested) await context.Response.Body.WriteAsync(new byte[10_000]);
        });
        _server.MapGet("/text.jar", () => Results.Text("this is no jar"));
        _server.MapGet("/private.jar", (HttpContext context) =>
            Authorization(context) == "Basic " + Base64("build user:p:w/d") ? Results.Bytes(_jar) : Results.StatusCode(401));
        _server.MapGet("/private-moved.jar", () => Results.Redirect("/private.jar"));
        _server.MapGet("/private-elsewhere.jar", (HttpContext context) => Results.Redirect($"http://localhost:{context.Request.Host.Port}/open.jar"));
        _server.MapGet("/open.jar", (HttpContext context) => { Authorization(context); return Results.Bytes(_jar); });
        _server.MapGet("/status/{status:int}", (HttpContext context, int status, string? retry) =>
        {
            _requests++;
            if (retry is not null) context.Response.Headers.RetryAfter = retry;
            return Results.StatusCode(status);
        });
        await _server.StartAsync(Cancellation);
    }

    public async ValueTask DisposeAsync()
    {
        _downloader.Dispose();
        _hasty.Dispose();
        if (_server is not null) await _server.DisposeAsync();
        _folder.Dispose();
    }

    [Theory]
    [InlineData("good.jar")]
    [InlineData("moved.jar")]
    [InlineData("busy-twice.jar")]
    public async Task A_jar_comes_to_the_volume_under_its_content(string path)
    {
        var jar = await GetAsync(path);
        Assert.Equal(_jar, await File.ReadAllBytesAsync(jar.Path, Cancellation));
        Assert.Equal(Sha256(), jar.Sha256);
        Assert.EndsWith($"artifacts/orders-1.0.0-{Sha256()}.jar", jar.Path, StringComparison.Ordinal);
        Assert.Equal(("orders", "1.0.0", "orders"), (jar.Manifest.Name, jar.Manifest.Version, jar.Manifest.WebContextPath));
        Assert.Equal($"file://{jar.Path}", jar.Url.AbsoluteUri);
    }

    [Fact]
    public async Task A_cut_download_goes_on_where_it_was()
    {
        var jar = await GetAsync("cut-once.jar");
        Assert.Equal(_jar, await File.ReadAllBytesAsync(jar.Path, Cancellation));
        Assert.Equal("", _ranges[0]);
        Assert.Matches("^bytes=[1-9][0-9]*-$", _ranges[1]);
    }

    [Fact]
    public async Task A_cut_download_of_a_file_without_a_tag_starts_again()
    {
        var jar = await GetAsync("cut-untagged.jar");
        Assert.Equal(_jar, await File.ReadAllBytesAsync(jar.Path, Cancellation));
        Assert.Equal(["", ""], _ranges);
    }

    [Theory]
    [InlineData("none.jar", Reason.ArtifactNotFound, "HTTP_404")]
    [InlineData("busy.jar", Reason.ArtifactUnreachable, "HTTP_503")]
    [InlineData("silent.jar", Reason.ArtifactUnreachable, "UNREACHABLE")]
    [InlineData("moved-to-file.jar", Reason.ArtifactUnreachable, "REDIRECT_REFUSED")]
    [InlineData("moved-to-https.jar", Reason.ArtifactUnreachable, "UNREACHABLE")]
    [InlineData("circle.jar", Reason.ArtifactUnreachable, "TOO_MANY_REDIRECTS")]
    [InlineData("huge.jar", Reason.InvalidArtifact, "TOO_LARGE")]
    [InlineData("endless.jar", Reason.InvalidArtifact, "TOO_LARGE")]
    [InlineData("text.jar", Reason.InvalidArtifact, "BAD_JAR")]
    public async Task What_can_not_be_had_says_why_and_leaves_nothing(string path, Reason reason, string code)
    {
        var refused = await Assert.ThrowsAsync<ArtifactException>(() => GetAsync(path, downloader: path == "silent.jar" ? _hasty : null));
        Assert.Equal((reason, code), (refused.Reason, refused.Code));
        Assert.Empty(Directory.GetFiles(_folder.Combine("artifacts")));
        if (path is "busy.jar" or "silent.jar") Assert.Equal(new DownloadLimits().Attempts, _requests);
    }

    [Fact]
    public async Task A_failure_of_TLS_says_what_is_wrong()
    {
        // A server without TLS.
        var url = new UriBuilder(_server!.Urls.First()) { Scheme = "https", Path = "good.jar" }.Uri;
        var refused = await Assert.ThrowsAsync<ArtifactException>(() => _downloader.FetchAsync(url, _folder.Combine("new.jar"), Cancellation));
        Assert.Equal("UNREACHABLE", refused.Code);
        Assert.DoesNotContain("inner exception", refused.Message, StringComparison.Ordinal);
        Assert.Contains("The SSL connection could not be established: Cannot determine the frame size", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(401, Reason.ArtifactDenied, 1)]
    [InlineData(403, Reason.ArtifactDenied, 1)]
    [InlineData(400, Reason.ArtifactDenied, 1)]
    [InlineData(416, Reason.ArtifactDenied, 1)]
    [InlineData(404, Reason.ArtifactNotFound, 1)]
    [InlineData(410, Reason.ArtifactNotFound, 1)]
    [InlineData(408, Reason.ArtifactUnreachable, 5)]
    [InlineData(425, Reason.ArtifactUnreachable, 5)]
    [InlineData(429, Reason.ArtifactUnreachable, 5)]
    [InlineData(500, Reason.ArtifactUnreachable, 5)]
    [InlineData(304, Reason.ArtifactUnreachable, 1)]
    public async Task A_status_says_whose_failure_it_is(int status, Reason reason, int requests)
    {
        var refused = await Assert.ThrowsAsync<ArtifactException>(() => GetAsync($"status/{status}"));
        Assert.Equal((reason, $"HTTP_{status}", (TimeSpan?)null), (refused.Reason, refused.Code, refused.RetryAfter));
        Assert.Equal(requests, _requests);
    }

    [Theory]
    [InlineData("120", 120)]
    [InlineData("99999999", 3600)]
    [InlineData("Thu, 01 Jan 2026 00:05:00 GMT", 300)]
    public async Task A_long_wait_that_the_server_asks_for_is_reported(string retryAfter, int seconds)
    {
        var time = new FakeTimeProvider(new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));
        using var downloader = new Downloader(new DownloadLimits(), time, _log);
        var refused = await Assert.ThrowsAsync<ArtifactException>(
            () => GetAsync($"status/429?retry={Uri.EscapeDataString(retryAfter)}", downloader: downloader));
        Assert.Equal((Reason.ArtifactUnreachable, TimeSpan.FromSeconds(seconds)), (refused.Reason, refused.RetryAfter));
        Assert.Equal(1, _requests);
        Assert.Equal(TimeSpan.FromSeconds(seconds), Verdict.Failed(refused).RetryAfter);
    }

    [Fact]
    public async Task A_short_wait_is_kept_before_the_next_try()
    {
        var time = new FakeTimeProvider(new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));
        using var downloader = new Downloader(new DownloadLimits { Attempts = 2 }, time, _log);
        var fetching = GetAsync("status/429?retry=7", downloader: downloader);
        await Eventually.True(() => _log.Lines.Count == 1);
        Assert.Contains("retry in 00:00:07", _log.Lines[0], StringComparison.Ordinal);
        await Eventually.True(() =>
        {
            time.Advance(TimeSpan.FromSeconds(7));
            return fetching.IsCompleted;
        });
        var refused = await Assert.ThrowsAsync<ArtifactException>(() => fetching);
        Assert.Equal((2, TimeSpan.FromSeconds(7)), (_requests, refused.RetryAfter));
    }

    [Theory]
    [InlineData("private.jar")]
    [InlineData("private-moved.jar")]
    public async Task The_user_information_of_a_url_is_sent_as_basic_authorization_and_stays_with_the_host(string path) =>
        Assert.Equal(Sha256(), (await FromAsync(Private(path))).Sha256);

    [Fact]
    public async Task No_other_host_gets_the_user_information()
    {
        await FromAsync(Private("private-elsewhere.jar"));
        Assert.Equal([""], _authorizations);
    }

    [Theory]
    [InlineData("none.jar")]
    [InlineData("busy.jar")]
    [InlineData("moved-to-file.jar")]
    [InlineData("circle.jar")]
    [InlineData("huge.jar")]
    [InlineData("text.jar")]
    public async Task No_message_or_log_line_shows_the_secrets_of_a_url(string path)
    {
        var refused = await Assert.ThrowsAsync<ArtifactException>(() => FromAsync(Private(path) + "?signature=s3cr3t"));
        Assert.All(_log.Lines.Append(refused.ToString()), line =>
        {
            Assert.DoesNotContain("s3cr3t", line, StringComparison.Ordinal);
            Assert.DoesNotContain("w%2Fd", line, StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotContain("w/d", line, StringComparison.Ordinal);
        });
        Assert.Contains(path, refused.Message, StringComparison.Ordinal);
        if (path is "busy.jar") Assert.NotEmpty(_log.Lines);
    }

    [Fact]
    public async Task A_url_may_have_8192_bytes()
    {
        var url = Url("good.jar") + "?signature=";
        Assert.Equal(Sha256(), (await FromAsync(url.PadRight(8192, 's'))).Sha256);
    }

    [Theory]
    [InlineData("http://a/x", "/y", "http://a/y")]
    [InlineData("http://a/x", "http://b/y", "http://b/y")]
    [InlineData("http://a/x", "https://b/y", "https://b/y")]
    [InlineData("https://a/x", "https://b/y", "https://b/y")]
    [InlineData("https://a/x", "http://a/y", null)]
    [InlineData("https://a/x", "file:///etc/hostname", null)]
    [InlineData("http://a/x", "ftp://a/y", null)]
    public void A_redirect_is_followed_to_https_and_never_back(string from, string location, string? to) =>
        Assert.Equal(to, Redirects.Follow(new(from), new(location, UriKind.RelativeOrAbsolute))?.AbsoluteUri);

    [Theory]
    [InlineData("http://a:80/x", "http://A/y", true)]
    [InlineData("http://a:81/x", "https://a/y", true)]
    [InlineData("http://a/x", "http://b/y", false)]
    [InlineData("http://a/x", "http://a:81/y", false)]
    [InlineData("https://a/x", "https://sub.a/y", false)]
    public void Credentials_stay_with_their_host(string from, string to, bool kept) =>
        Assert.Equal(kept, Redirects.MayKeepCredentials(new(from), new(to)));

    [Fact]
    public async Task A_server_that_nobody_runs_is_unreachable()
    {
        var refused = await Assert.ThrowsAsync<ArtifactException>(
            () => Store().GetAsync(Orders, new() { Url = "http://127.0.0.1:9/x.jar" }, null, () => { }, Cancellation));
        Assert.Equal(Reason.ArtifactUnreachable, refused.Reason);
    }

    [Fact]
    public async Task Another_digest_is_refused_with_both()
    {
        var refused = await Assert.ThrowsAsync<ArtifactException>(() => GetAsync("good.jar", sha256: new string('0', 64)));
        Assert.Equal(Reason.DigestMismatch, refused.Reason);
        Assert.Contains(Sha256(), refused.Message, StringComparison.Ordinal);
        var md5 = await Assert.ThrowsAsync<ArtifactException>(() => GetAsync("good.jar", md5: new string('0', 32)));
        Assert.Equal(Reason.DigestMismatch, md5.Reason);
        await GetAsync("good.jar", sha256: Sha256(), md5: Convert.ToHexStringLower(MD5.HashData(_jar)));
    }

    [Theory]
    [InlineData("orders", "1.0.1", "the jar is orders:1.0.0 by its manifest, not orders:1.0.1; set version to 1.0.0, or url to the jar of 1.0.1; fetched from ")]
    [InlineData("shop", "1.0.0",
        "the jar is orders:1.0.0 by its manifest, not shop:1.0.0; the name of a ModuleDeployment's module can't be changed: create a "
        + "ModuleDeployment for orders and delete this one, or set url to a jar whose Ark-Biz-Name is shop; fetched from ")]
    public async Task A_jar_of_another_name_or_version_is_refused_with_both_and_what_to_do(string name, string version, string message)
    {
        var other = new ModuleRef { ModuleUid = "u", Name = name, Version = version };
        var refused = await Assert.ThrowsAsync<ArtifactException>(
            () => Store().GetAsync(other, new() { Url = Url("good.jar") }, null, () => { }, Cancellation));
        Assert.Equal((Reason.InvalidArtifact, "OTHER_MODULE", message + Url("good.jar")), (refused.Reason, refused.Code, refused.Message));
    }

    [Theory]
    [InlineData("ftp://user:secret@host/x.jar", "ftp://host/x.jar")]
    [InlineData("orders.jar", "orders.jar")]
    public async Task A_url_that_can_not_be_fetched_is_refused_with_what_one_must_look_like(string url, string shown)
    {
        var refused = await Assert.ThrowsAsync<ArtifactException>(() => Store().GetAsync(Orders, new() { Url = url }, null, () => { }, Cancellation));
        Assert.Equal(
            (Reason.InvalidArtifact, $"url must be an http, https or file URL, such as https://repo.example.com/orders-1.0.0.jar, not \"{shown}\""),
            (refused.Reason, refused.Message));
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
            () => Store().GetAsync(module, new() { Url = Url("good.jar") }, null, () => { }, Cancellation));
        Assert.Equal((Reason.InvalidArtifact, "BAD_NAME"), (refused.Reason, refused.Code));
    }

    [Fact]
    public async Task A_file_is_copied_and_a_missing_one_is_not_found()
    {
        var jar = await Store().GetAsync(Orders, new() { Url = new Uri(_folder.Combine("source.jar")).AbsoluteUri }, null, () => { }, Cancellation);
        Assert.Equal(Sha256(), jar.Sha256);
        var refused = await Assert.ThrowsAsync<ArtifactException>(
            () => Store().GetAsync(Orders, new() { Url = "file:///nowhere/x.jar" }, null, () => { }, Cancellation));
        Assert.Equal(Reason.ArtifactNotFound, refused.Reason);
    }

    [Fact]
    public async Task A_known_digest_needs_no_download_and_a_changed_cache_is_fetched_anew()
    {
        var first = await GetAsync("good.jar");
        var known = await Store().GetAsync(
            Orders, new() { Url = "http://127.0.0.1:9/gone.jar", Sha256 = Sha256() }, null, () => { }, Cancellation);
        Assert.Equal(first.Path, known.Path);

        await File.WriteAllTextAsync(first.Path, "rotten", Cancellation);
        await GetAsync("good.jar", sha256: Sha256());
        Assert.Equal(_jar, await File.ReadAllBytesAsync(first.Path, Cancellation));
    }

    [Fact]
    public void Unused_jars_go_the_oldest_first()
    {
        var store = Store(keepUnused: 1);
        foreach (var (name, hours) in new[] { ("used", 9), ("old", 8), ("older", 9), ("new", 1) })
        {
            File.WriteAllText(_folder.Combine("artifacts", name + ".jar"), name);
            File.SetLastWriteTimeUtc(_folder.Combine("artifacts", name + ".jar"), TimeProvider.System.GetUtcNow().UtcDateTime.AddHours(-hours));
        }

        store.Evict([_folder.Combine("artifacts", "used.jar")]);
        Assert.Equal(["new.jar", "used.jar"], Directory.GetFiles(_folder.Combine("artifacts")).Select(Path.GetFileName).Order());
    }

    [Fact]
    public void A_manifest_line_is_continued_by_a_blank_and_ends_with_the_main_section()
    {
        var attributes = JarManifest.ParseMainSection("Ark-Biz-Name: a-long-\r\n name\r\nark-biz-version: 1\r\n\r\nName: x\r\nArk-Biz-Name: other\r\n");
        Assert.Equal(("a-long-name", "1"), (attributes["Ark-Biz-Name"], attributes["Ark-Biz-Version"]));
    }

    private ArtifactStore Store(int keepUnused = 10, Downloader? downloader = null) =>
        new(_folder.Combine("artifacts"), downloader ?? _downloader, TimeProvider.System, NullLogger.Instance) { KeepUnused = keepUnused };

    private Task<CachedJar> GetAsync(string path, string sha256 = "", string md5 = "", Downloader? downloader = null) =>
        Store(downloader: downloader).GetAsync(Orders, new() { Url = Url(path), Sha256 = sha256, Md5 = md5 }, null, () => { }, Cancellation);

    private Task<CachedJar> FromAsync(string url) => Store().GetAsync(Orders, new() { Url = url }, null, () => { }, Cancellation);

    private string Private(string path) => Url(path).Replace("http://", "http://build%20user:p%3Aw%2Fd@", StringComparison.Ordinal);

    private static string Base64(string text) => Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(text));

    private string Authorization(HttpContext context)
    {
        var value = context.Request.Headers.Authorization.ToString();
        _authorizations.Add(value);
        return value;
    }

    private string Url(string path) => $"{_server!.Urls.First()}/{path}";

    private string Sha256() => Convert.ToHexStringLower(SHA256.HashData(_jar));

    /// <summary>The first request gets 50,000 bytes and a cut, the next what it asks for.</summary>
    private async Task CutAsync(HttpContext context, bool tagged)
    {
        var range = context.Request.Headers.Range.ToString();
        _ranges.Add(range);
        if (tagged) context.Response.Headers.ETag = "\"v1\"";
        if (_ranges.Count == 1)
        {
            context.Response.ContentLength = _jar.Length;
            await context.Response.Body.WriteAsync(_jar.AsMemory(0, 50_000));
            await context.Response.Body.FlushAsync();
            // What the client has not read when the connection is reset is lost to it.
            await Eventually.True(() => Directory.GetFiles(_folder.Combine("artifacts")).Any(file => new FileInfo(file).Length > 0));
            context.Abort();
            return;
        }

        var from = range.Length > 0 ? int.Parse(range["bytes=".Length..^1], System.Globalization.CultureInfo.InvariantCulture) : 0;
        if (from > 0)
        {
            context.Response.StatusCode = 206;
            context.Response.Headers.ContentRange = $"bytes {from}-{_jar.Length - 1}/{_jar.Length}";
        }

        await context.Response.Body.WriteAsync(_jar.AsMemory(from));
    }
}
