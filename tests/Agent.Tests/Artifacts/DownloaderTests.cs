using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using ModuleController.Agent.Artifacts;
using ModuleController.Agent.Commands;
using ModuleController.Protocol.V1;
using ModuleController.Tests;

namespace ModuleController.Agent.Tests.Artifacts;

/// <summary>Downloads from a real web server.</summary>
public sealed class DownloaderTests : IAsyncLifetime
{
    private ArtifactBench _bench = null!;

    private JarServer Server => _bench.Server;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _bench = await ArtifactBench.StartAsync();

    public ValueTask DisposeAsync() => _bench.DisposeAsync();

    [Fact]
    public async Task A_cut_download_is_resumed()
    {
        var jar = await _bench.GetAsync("cut-once.jar");
        Assert.Equal(_bench.Jar, await File.ReadAllBytesAsync(jar.Path, Cancellation));
        Assert.Equal("", Server.Ranges[0]);
        Assert.Matches("^bytes=[1-9][0-9]*-$", Server.Ranges[1]);
    }

    [Fact]
    public async Task A_cut_download_of_a_file_without_a_tag_is_restarted()
    {
        var jar = await _bench.GetAsync("cut-untagged.jar");
        Assert.Equal(_bench.Jar, await File.ReadAllBytesAsync(jar.Path, Cancellation));
        Assert.Equal(["", ""], Server.Ranges);
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
    public async Task A_failed_download_reports_the_reason_and_leaves_no_file(string path, Reason reason, string code)
    {
        using var shortLived = ArtifactBench.NewDownloader(idleTimeout: TimeSpan.FromMilliseconds(500), NullLogger.Instance);
        var refused = await Assert.ThrowsAsync<ArtifactException>(
            () => _bench.GetAsync(path, downloader: path == "silent.jar" ? shortLived : null));
        Assert.Equal((reason, code), (refused.Reason, refused.Code));
        Assert.Empty(Directory.GetFiles(_bench.Folder));
        if (path is "busy.jar" or "silent.jar") Assert.Equal(new DownloadLimits().Attempts, Server.Requests);
    }

    [Fact]
    public async Task A_TLS_failure_reports_its_cause()
    {
        // A server without TLS.
        var url = new UriBuilder(Server.Address) { Scheme = "https", Path = "good.jar" }.Uri;
        var refused = await Assert.ThrowsAsync<ArtifactException>(
            () => _bench.Downloader.FetchAsync(url, Path.Combine(_bench.Folder, "new.jar"), new(new()), Cancellation));
        Assert.Equal("UNREACHABLE", refused.Code);
        Assert.DoesNotContain("inner exception", refused.Message, StringComparison.Ordinal);
        Assert.Contains("The SSL connection could not be established: Cannot determine the frame size", refused.Message,
            StringComparison.Ordinal);
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
    public async Task An_HTTP_status_determines_the_reason_and_the_number_of_requests(int status, Reason reason, int requests)
    {
        var refused = await Assert.ThrowsAsync<ArtifactException>(() => _bench.GetAsync($"status/{status}"));
        Assert.Equal((reason, $"HTTP_{status}", (TimeSpan?)null), (refused.Reason, refused.Code, refused.RetryAfter));
        Assert.Equal(requests, Server.Requests);
    }

    [Theory]
    [InlineData("120", 120)]
    [InlineData("99999999", 3600)]
    [InlineData("Thu, 01 Jan 2026 00:05:00 GMT", 300)]
    public async Task A_long_Retry_After_is_reported_and_not_waited_for(string retryAfter, int seconds)
    {
        var time = new FakeTimeProvider(new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));
        using var downloader = new Downloader(new DownloadLimits(), time, _bench.Log);
        var refused = await Assert.ThrowsAsync<ArtifactException>(
            () => _bench.GetAsync($"status/429?retry={Uri.EscapeDataString(retryAfter)}", downloader: downloader));
        Assert.Equal((Reason.ArtifactUnreachable, TimeSpan.FromSeconds(seconds)), (refused.Reason, refused.RetryAfter));
        Assert.Equal(1, Server.Requests);
        Assert.Equal(TimeSpan.FromSeconds(seconds), Verdict.Failed(refused).RetryAfter);
    }

    [Fact]
    public async Task A_short_Retry_After_is_waited_for()
    {
        var time = new TimeWithDelay(TimeSpan.FromSeconds(7));
        using var downloader = new Downloader(new DownloadLimits { Attempts = 2 }, time, _bench.Log);
        var fetching = _bench.GetAsync("status/429?retry=7", downloader: downloader);
        await time.IsAwaited;
        Assert.Contains("retry in 00:00:07", Assert.Single(_bench.Log.Lines), StringComparison.Ordinal);
        Assert.Equal(1, Server.Requests);
        time.Advance(TimeSpan.FromSeconds(7));   // once: the next attempt has time limits of its own
        var refused = await Assert.ThrowsAsync<ArtifactException>(() => fetching);
        Assert.Equal((2, TimeSpan.FromSeconds(7)), (Server.Requests, refused.RetryAfter));
    }

    [Theory]
    [InlineData("private.jar")]
    [InlineData("private-moved.jar")]
    public async Task The_user_information_of_a_url_is_sent_as_basic_authorization_and_stays_with_the_host(string path) =>
        Assert.Equal(Server.Sha256, (await _bench.FromAsync(Server.PrivateUrl(path))).Sha256);

    [Theory]
    [InlineData("private.jar")]
    [InlineData("private-moved.jar")]
    public async Task The_file_of_credentials_is_used_for_its_host_and_read_again_for_each_request(string path)
    {
        var file = Path.Combine(Directory.CreateDirectory(_bench.Folder).FullName, "..", "netrc");
        var port = new Uri(Server.Address).Port;
        using var downloader = new Downloader(new DownloadLimits(), TimeProvider.System, _bench.Log, file);
        var missing = await Assert.ThrowsAsync<ArtifactException>(() => _bench.GetAsync(path, downloader: downloader));
        Assert.Equal("HTTP_401", missing.Code);
        Assert.Contains("downloading without credentials", string.Join('\n', _bench.Log.Lines), StringComparison.Ordinal);

        await File.WriteAllTextAsync(file, $"machine 127.0.0.1:{port} login \"build user\" password p:w/d", Cancellation);
        Assert.Equal(Server.Sha256, (await _bench.GetAsync(path, downloader: downloader)).Sha256);
        Assert.DoesNotContain("p:w/d", string.Join('\n', _bench.Log.Lines), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_redirect_to_another_host_gets_no_credentials_of_the_file()
    {
        var file = Path.Combine(Directory.CreateDirectory(_bench.Folder).FullName, "..", "netrc");
        await File.WriteAllTextAsync(file, $"machine 127.0.0.1:{new Uri(Server.Address).Port} login a password b", Cancellation);
        using var downloader = new Downloader(new DownloadLimits(), TimeProvider.System, _bench.Log, file);

        await _bench.GetAsync("private-elsewhere.jar", downloader: downloader);
        Assert.Equal([""], Server.Authorizations);
    }

    [Fact]
    public async Task No_other_host_gets_the_user_information()
    {
        await _bench.FromAsync(Server.PrivateUrl("private-elsewhere.jar"));
        Assert.Equal([""], Server.Authorizations);
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
        var refused = await Assert.ThrowsAsync<ArtifactException>(() => _bench.FromAsync(Server.PrivateUrl(path) + "?signature=s3cr3t"));
        Assert.All(_bench.Log.Lines.Append(refused.ToString()), line =>
        {
            Assert.DoesNotContain("s3cr3t", line, StringComparison.Ordinal);
            Assert.DoesNotContain("w%2Fd", line, StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotContain("w/d", line, StringComparison.Ordinal);
        });
        Assert.Contains(path, refused.Message, StringComparison.Ordinal);
        if (path is "busy.jar") Assert.NotEmpty(_bench.Log.Lines);
    }

    [Fact]
    public async Task A_url_may_have_8192_bytes()
    {
        var url = Server.Url("good.jar") + "?signature=";
        Assert.Equal(Server.Sha256, (await _bench.FromAsync(url.PadRight(8192, 's'))).Sha256);
    }

    [Fact]
    public async Task A_server_that_does_not_run_is_unreachable()
    {
        var refused = await Assert.ThrowsAsync<ArtifactException>(
            () => _bench.Store().GetAsync(ArtifactBench.Orders, new() { Url = "http://127.0.0.1:9/x.jar" }, null, () => { }, Cancellation));
        Assert.Equal(Reason.ArtifactUnreachable, refused.Reason);
    }

    [Theory]
    [InlineData("ftp://user:secret@host/x.jar", "ftp://host/x.jar")]
    [InlineData("orders.jar", "orders.jar")]
    public async Task An_unsupported_url_is_refused_with_a_valid_example(string url, string shown)
    {
        var refused = await Assert.ThrowsAsync<ArtifactException>(() => _bench.Store()
            .GetAsync(ArtifactBench.Orders, new() { Url = url }, null, () => { }, Cancellation));
        Assert.Equal(
            (Reason.InvalidArtifact,
                $"url must be an http, https or file URL, such as https://repo.example.com/orders-1.0.0.jar, not \"{shown}\""),
            (refused.Reason, refused.Message));
    }

    [Fact]
    public async Task A_file_is_copied_and_a_missing_one_is_not_found()
    {
        var jar = await _bench.Store()
            .GetAsync(ArtifactBench.Orders, new() { Url = new Uri(_bench.SourceJar).AbsoluteUri }, null, () => { }, Cancellation);
        Assert.Equal(Server.Sha256, jar.Sha256);
        var refused = await Assert.ThrowsAsync<ArtifactException>(
            () => _bench.Store().GetAsync(ArtifactBench.Orders, new() { Url = "file:///nowhere/x.jar" }, null, () => { }, Cancellation));
        Assert.Equal(Reason.ArtifactNotFound, refused.Reason);
    }

    /// <summary>Reports when a certain delay is awaited.</summary>
    private sealed class TimeWithDelay(TimeSpan delay) : FakeTimeProvider(new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero))
    {
        private readonly TaskCompletionSource _awaited = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task IsAwaited => _awaited.Task.WaitAsync(Eventually.Deadline, System, TestContext.Current.CancellationToken);

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            var timer = base.CreateTimer(callback, state, dueTime, period);
            if (dueTime == delay) _awaited.TrySetResult();
            return timer;
        }
    }
}
