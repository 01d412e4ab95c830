using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using ModuleController.Core.Builtin;
using ModuleController.Kube.Client;
using ModuleController.Kube.Hosting;
using ModuleController.Kube.Tests.Caches;
using ModuleController.Tests;

namespace ModuleController.Kube.Tests.Hosting;

public sealed class EventRecorderTests : IAsyncDisposable
{
    private static readonly Pod Shop = new() { Metadata = new() { Name = "shop", Namespace = "demo", Uid = "u1", ResourceVersion = "3" } };

    private readonly LogGuard _logs = new();
    private readonly FakeTimeProvider _time = new(new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));
    private readonly FakeCluster _cluster = new();
    private readonly EventRecorder _recorder;

    public EventRecorderTests() => _recorder = Recorder();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public ValueTask DisposeAsync()
    {
        _recorder.Dispose();
        _logs.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task An_event_shows_no_secrets_of_a_url()
    {
        _recorder.Record(Shop, EventRecorder.Warning, "ArtifactDenied", "https://user:secret@repo/a.jar?sig=secret: HTTP 403");
        Assert.Equal("https://repo/a.jar: HTTP 403", Assert.Single(await WriteAsync()).Message);
    }

    [Fact]
    public void Neither_does_what_the_api_server_answers()
    {
        var body = System.Text.Encoding.UTF8.GetBytes(
            """{"kind":"Status","code":422,"reason":"Invalid","message":"url: Invalid value: \"https://user:secret@repo/a.jar?sig=secret\": too long"}""");
        Assert.Equal("url: Invalid value: \"https://repo/a.jar\": too long", KubeError.Parse(body, 422).Message);
        Assert.Equal("https://repo/a.jar: denied",
            KubeError.Parse(System.Text.Encoding.UTF8.GetBytes("https://user:secret@repo/a.jar?q: denied"), 403).Message);
    }

    [Fact]
    public async Task An_event_names_its_object_and_says_what_and_when()
    {
        _recorder.Record(Shop, EventRecorder.Warning, "InstallFailed", "orders 2.0.0: no database");
        var written = Assert.Single(await WriteAsync());

        Assert.Equal(("Pod", "v1", "shop", "u1"),
            (written.InvolvedObject?.Kind, written.InvolvedObject?.ApiVersion, written.InvolvedObject?.Name, written.InvolvedObject?.Uid));
        Assert.Equal(("Warning", "InstallFailed", "orders 2.0.0: no database", 1),
            (written.Type, written.Reason, written.Message, written.Count));
        Assert.Equal(("demo", "test", _time.GetUtcNow()), (written.Metadata.Namespace, written.Source?.Component, written.LastTimestamp));
        Assert.StartsWith("shop.", written.Metadata.Name, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_write_that_fails_in_whatever_way_costs_no_later_event()
    {
        _logs.Allow("Event First on Pod");
        _cluster.Before = request =>
            request == "create events" && _logs.Lines.Count == 0 ? throw new InvalidOperationException("a bug") : Task.CompletedTask;
        _recorder.Record(Shop, EventRecorder.Warning, "First", "no");
        _recorder.Record(Shop, EventRecorder.Warning, "Second", "no");
        Assert.Equal("Second", Assert.Single(await WriteAsync()).Reason);
    }

    [Fact]
    public async Task Repeats_also_after_a_restart_are_counted_in_one_Event()
    {
        Record();
        _time.Advance(TimeSpan.FromSeconds(7));
        Record();
        await WriteAsync();

        using var restarted = Recorder();
        restarted.Record(Shop, EventRecorder.Normal, "Reason", "message");
        restarted.Record(Shop, EventRecorder.Normal, "Reason", "message");
        var written = Assert.Single(await WriteAsync(restarted));
        Assert.Equal(4, written.Count);
        Assert.Equal(TimeSpan.FromSeconds(7), written.LastTimestamp - written.FirstTimestamp);
    }

    [Fact]
    public async Task Per_object_at_most_five_Warnings_at_once_and_repeats_beyond_count_in_the_next_write()
    {
        for (var i = 0; i < 20; i++) _recorder.Record(Shop, EventRecorder.Warning, "Reason", "same");
        _recorder.Record(Shop with { Metadata = Shop.Metadata with { Name = "other", Uid = "u2" } }, EventRecorder.Warning, "Reason",
            "same");
        await _recorder.StartAsync(Cancellation);
        await Eventually.True(() => Writes() == 6);   // five of one object, and the other's first

        _time.Advance(TimeSpan.FromSeconds(20));
        _recorder.Record(Shop, EventRecorder.Warning, "Reason", "same");
        await _recorder.StopAsync(Cancellation);
        Assert.Equal(7, Writes());
        var events = (await _cluster.ListAsync<Event>(cancellation: Cancellation)).Items;
        Assert.Equal(21, events.Single(written => written.InvolvedObject?.Uid == "u1").Count);
    }

    [Fact]
    public async Task A_terminating_namespace_takes_no_Events_which_is_no_fault()
    {
        _cluster.Before = _ =>
            throw new KubeException(new(403, "Forbidden", "is being terminated") { Causes = ["NamespaceTerminating"] }, "create events");
        Record();
        Assert.Empty(await WriteAsync());
        Assert.DoesNotContain(_logs.Lines, line => line.Level > LogLevel.Debug);
    }

    [Fact]
    public async Task No_Event_is_tried_in_a_namespace_that_is_known_to_be_terminating()
    {
        using var recorder = Recorder(ns => ns == "demo");
        var elsewhere = Shop with { Metadata = Shop.Metadata with { Namespace = "other", Uid = "u2" } };
        recorder.Record(Shop, EventRecorder.Normal, "Reason", "message");
        recorder.Record(elsewhere, EventRecorder.Normal, "Reason", "message");

        Assert.Equal("other", Assert.Single(await WriteAsync(recorder)).Metadata.Namespace);
        Assert.Equal(1, Writes());
    }

    [Fact]
    public async Task A_refused_Event_is_logged_as_a_warning()
    {
        _cluster.Before = _ => throw new KubeException(new(403, "Forbidden", "cannot get resource \"events\""), "get events");
        Record();
        Assert.Empty(await WriteAsync());
        var line = Assert.Single(_logs.Lines, line => line.Level == LogLevel.Warning);
        Assert.Contains("cannot get resource", line.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Recording_never_blocks_and_never_fails_its_caller()
    {
        var hangs = new TaskCompletionSource();
        _cluster.Before = _ => hangs.Task;
        await _recorder.StartAsync(Cancellation);
        for (var i = 0; i < 5000; i++) Record();   // far more than the queue holds

        using var late = new CancellationTokenSource(TimeSpan.Zero);
        await Eventually.Ends(_recorder.StopAsync(late.Token));
        Record();   // after the end too
    }

    [Fact]
    public async Task An_Event_that_the_server_has_dropped_comes_anew()
    {
        await _recorder.StartAsync(Cancellation);
        Record();
        await Eventually.True(async () => (await _cluster.ListAsync<Event>(cancellation: Cancellation)).Items.Count == 1);
        var first = Assert.Single((await _cluster.ListAsync<Event>(cancellation: Cancellation)).Items);
        await _cluster.DeleteAsync<Event>(new("demo", first.Metadata.Name), cancellation: Cancellation);
        Record();
        await _recorder.StopAsync(Cancellation);
        Assert.Equal(2, Assert.Single((await _cluster.ListAsync<Event>(cancellation: Cancellation)).Items).Count);
    }

    [Fact]
    public async Task What_is_cluster_wide_or_very_long_is_written_too()
    {
        _recorder.Record(new Node { Metadata = new() { Name = new('n', 253), Uid = "n" } }, EventRecorder.Normal, "Reason", new('m', 5000));
        var written = Assert.Single(await WriteAsync());
        Assert.Equal(("default", 1024), (written.Metadata.Namespace, written.Message?.Length));
        Assert.True(written.Metadata.Name.Length <= 253);
    }

    private void Record() => _recorder.Record(Shop, EventRecorder.Normal, "Reason", "message");

    private int Writes() => _cluster.Requests.Count(request => request is "create events" or "patch events");

    private async Task<IReadOnlyList<Event>> WriteAsync(EventRecorder? recorder = null)
    {
        await (recorder ?? _recorder).StartAsync(Cancellation);
        await (recorder ?? _recorder).StopAsync(Cancellation);
        _cluster.Before = _ => Task.CompletedTask;
        return (await _cluster.ListAsync<Event>(cancellation: Cancellation)).Items;
    }

    private EventRecorder Recorder(Func<string, bool>? isTerminating = null) =>
        new(_cluster, "test", "test-1", _time, _logs.CreateLogger<EventRecorder>(), isTerminating: isTerminating);
}
