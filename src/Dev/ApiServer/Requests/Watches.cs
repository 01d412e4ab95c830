using System.Buffers;
using System.Globalization;
using System.IO.Pipelines;

namespace ModuleController.Dev.ApiServer.Requests;

/// <summary>
/// One watch: the current objects, or the changes since the requested version, and then new changes. Bookmarks
/// each minute and at the end; 410 in the stream for a version older than the log, as in a real server.
/// </summary>
public sealed class Watch(ApiState state, ApiRequest request)
{
    private static readonly TimeSpan BookmarkEvery = TimeSpan.FromMinutes(1);

    private readonly Selection _selection = Selection.From(request);
    private readonly bool _asTable = Answers.WantsTable(request.Http.Request);
    private readonly bool _hasBookmarks = request.QueryFlag("allowWatchBookmarks");
    private readonly PipeWriter _output = request.Http.Response.BodyWriter;
    private long _sent;

    public async Task AnswerAsync()
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(request.Http.RequestAborted, state.Stopping);
        try
        {
            await RunAsync(ending.Token);
        }
        catch (OperationCanceledException) when (ending.IsCancellationRequested)
        {
            // The client disconnected, or the server stops.
        }
        finally
        {
            await ending.CancelAsync();      // stops the timers
        }
    }

    private async Task RunAsync(CancellationToken cancellation)
    {
        var (initial, after) = Start();
        var lifetime = TimeSpan.FromSeconds(request.QueryNumber("timeoutSeconds") ?? 1800 + Random.Shared.Next(1800));
        var end = Task.Delay(lifetime, state.Time, cancellation);
        request.Http.Response.ContentType = "application/json";
        try
        {
            using var changes = state.Log.Subscribe(request.Type.Resource, after);
            _sent = after;
            foreach (var stored in initial.Where(_selection.Matches)) Write("ADDED"u8, stored);
            foreach (var change in changes.Backlog) Write(change);
            await _output.FlushAsync(cancellation);
            await FollowAsync(changes, end, cancellation);
        }
        catch (CompactedException e)
        {
            WriteEvent("ERROR"u8, Statuses.Expired(e.Message).ToStatus().ToUtf8());
        }

        await _output.FlushAsync(cancellation);
    }

    private (IEnumerable<StoredObject> Initial, long After) Start()
    {
        // As a server without the WatchList feature: clients fall back to a list and a watch.
        foreach (var option in (string[])["sendInitialEvents", "resourceVersionMatch"])
            if (request.Query(option).Length > 0)
                throw Statuses.Invalid("ListOptions", "meta.k8s.io", "",
                    [FieldError.Forbidden(option, "is forbidden for watch")]);
        var asked = Lists.Version(request, Statuses.Failed);
        var snapshot = state.Log.List(request.Type.Resource);
        return asked > 0 ? ([], asked) : (snapshot.In(request.Namespace), snapshot.Revision);
    }

    private async Task FollowAsync(Subscription changes, Task end, CancellationToken cancellation)
    {
        var bookmark = Task.Delay(BookmarkEvery, state.Time, cancellation);
        var more = changes.Live.WaitToReadAsync(cancellation).AsTask();
        while (true)
        {
            await Task.WhenAny(more, bookmark, end);
            cancellation.ThrowIfCancellationRequested();
            if (more.IsCompleted)
            {
                if (!await more) return;         // cut off
                if (state.Faults.EventDelay is var delay && delay > TimeSpan.Zero)
                    await Task.Delay(delay, state.Time, cancellation);
                while (changes.Live.TryRead(out var change)) Write(change);
                more = changes.Live.WaitToReadAsync(cancellation).AsTask();
            }

            if (bookmark.IsCompleted || end.IsCompleted)
            {
                _sent = changes.CaughtUp() ?? _sent;
                if (_hasBookmarks) WriteBookmark();
                bookmark = Task.Delay(BookmarkEvery, state.Time, cancellation);
            }

            await _output.FlushAsync(cancellation);
            if (end.IsCompleted) return;
        }
    }

    /// <summary>With a selector, an object that begins to match is ADDED, and one that no longer matches is DELETED.</summary>
    private void Write(Change change)
    {
        if (change.Revision <= _sent) return;      // a watch may start at a future version
        _sent = change.Revision;
        var did = change.Before is not null && _selection.Matches(change.Before);
        var does = !change.IsRemoval && _selection.Matches(change.After);
        if (did && does) Write("MODIFIED"u8, change.After);
        else if (does) Write("ADDED"u8, change.After);
        else if (did) Write("DELETED"u8, change.IsRemoval ? change.After : LastMatching(change));
    }

    private static StoredObject LastMatching(Change change)
    {
        var tree = change.Before!.Tree.Copy();
        tree.Child("metadata")["resourceVersion"] = change.Revision.ToString(CultureInfo.InvariantCulture);
        return new(tree, change.Revision);
    }

    private void Write(ReadOnlySpan<byte> type, StoredObject stored) =>
        WriteEvent(type, _asTable ? Tables.Of(request, stored, state.Now).ToUtf8() : stored.Json.Span);

    private void WriteBookmark()
    {
        var metadata = new JsonObject
        {
            ["resourceVersion"] = _sent.ToString(CultureInfo.InvariantCulture),
            ["creationTimestamp"] = null,
        };
        var tree = new JsonObject
        {
            ["kind"] = request.Type.Kind,
            ["apiVersion"] = request.Type.ApiVersion,
            ["metadata"] = metadata
        };
        if (_asTable) tree = Tables.Of(request, [], metadata.Copy(), state.Now);
        WriteEvent("BOOKMARK"u8, tree.ToUtf8());
    }

    private void WriteEvent(ReadOnlySpan<byte> type, ReadOnlySpan<byte> json)
    {
        _output.Write("{\"type\":\""u8);
        _output.Write(type);
        _output.Write("\",\"object\":"u8);
        _output.Write(json);
        _output.Write("}\n"u8);
    }
}
