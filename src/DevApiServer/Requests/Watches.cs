using System.Buffers;
using System.Globalization;
using System.IO.Pipelines;
using System.Text.Json.Nodes;
using ModuleController.DevApiServer.Storage;

namespace ModuleController.DevApiServer.Requests;

/// <summary>
/// One watch: the initial state if asked for, what the log holds since the version asked for, then what comes. Bookmarks
/// each minute and at the end; 410 in the stream for a version older than the log, as the real server has it.
/// </summary>
public sealed class Watch
{
    private static readonly TimeSpan BookmarkEvery = TimeSpan.FromMinutes(1);

    private readonly ApiState _state;
    private readonly ApiRequest _request;
    private readonly Selection _selection;
    private readonly bool _asTable;
    private readonly bool _hasBookmarks;
    private readonly PipeWriter _output;
    private long _sent;

    private Watch(ApiState state, ApiRequest request)
    {
        (_state, _request, _output) = (state, request, request.Http.Response.BodyWriter);
        _selection = Selection.From(request);
        _asTable = Answers.WantsTable(request.Http.Request);
        _hasBookmarks = request.QueryFlag("allowWatchBookmarks");
    }

    public static async Task AnswerAsync(ApiState state, ApiRequest request)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(request.Http.RequestAborted, state.Stopping);
        try
        {
            await new Watch(state, request).RunAsync(ending.Token);
        }
        catch (OperationCanceledException) when (ending.IsCancellationRequested)
        {
            // The client left or the server stops: either way nobody waits for more.
        }
        finally
        {
            await ending.CancelAsync();      // lets go of the timers of a watch that ended in another way
        }
    }

    private async Task RunAsync(CancellationToken cancellation)
    {
        var (initial, after) = Start();
        var lifetime = TimeSpan.FromSeconds(_request.QueryNumber("timeoutSeconds") ?? 1800 + Random.Shared.Next(1800));
        var end = Task.Delay(lifetime, _state.Time, cancellation);
        _request.Http.Response.ContentType = "application/json";
        try
        {
            using var changes = _state.Log.Subscribe(_request.Type.Resource, after);
            _sent = after;
            foreach (var stored in initial.Where(_selection.Matches)) Write("ADDED"u8, stored);
            if (_request.QueryFlag("sendInitialEvents") && _hasBookmarks) WriteBookmark(isInitialEnd: true);
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
        var initial = _request.Query("sendInitialEvents");
        var match = _request.Query("resourceVersionMatch");
        if (initial.Length > 0 && match != "NotOlderThan")
            throw Statuses.BadRequest("sendInitialEvents requires setting resourceVersionMatch to NotOlderThan");
        if (initial.Length == 0 && match.Length > 0)
            throw Statuses.BadRequest("resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided");
        var asked = _request.QueryNumber("resourceVersion") ?? 0;
        var snapshot = _state.Log.List(_request.Type.Resource);
        if (asked > snapshot.Revision) throw Statuses.VersionTooLarge(asked, snapshot.Revision);
        if (_request.QueryFlag("sendInitialEvents") || (asked == 0 && initial.Length == 0))
            return (snapshot.In(_request.Namespace), snapshot.Revision);
        return ([], asked == 0 ? snapshot.Revision : asked);
    }

    private async Task FollowAsync(Subscription changes, Task end, CancellationToken cancellation)
    {
        var bookmark = Task.Delay(BookmarkEvery, _state.Time, cancellation);
        var more = changes.Live.WaitToReadAsync(cancellation).AsTask();
        while (true)
        {
            await Task.WhenAny(more, bookmark, end);
            cancellation.ThrowIfCancellationRequested();
            if (more.IsCompleted)
            {
                if (!await more) return;         // cut off
                if (_state.Faults.EventDelay is var delay && delay > TimeSpan.Zero)
                    await Task.Delay(delay, _state.Time, cancellation);
                while (changes.Live.TryRead(out var change)) Write(change);
                more = changes.Live.WaitToReadAsync(cancellation).AsTask();
            }

            if (bookmark.IsCompleted || end.IsCompleted)
            {
                _sent = changes.CaughtUp() ?? _sent;
                if (_hasBookmarks) WriteBookmark(isInitialEnd: false);
                bookmark = Task.Delay(BookmarkEvery, _state.Time, cancellation);
            }

            await _output.FlushAsync(cancellation);
            if (end.IsCompleted) return;
        }
    }

    /// <summary>For a selector, an object that begins to match is added, and one that no longer does is deleted.</summary>
    private void Write(Change change)
    {
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
        WriteEvent(type, _asTable ? Tables.Of(_request, stored, _state.Now).ToUtf8() : stored.Json.Span);

    private void WriteBookmark(bool isInitialEnd)
    {
        var metadata = new JsonObject
        {
            ["resourceVersion"] = _sent.ToString(CultureInfo.InvariantCulture),
            ["creationTimestamp"] = null
        };
        if (isInitialEnd) metadata["annotations"] = new JsonObject { ["k8s.io/initial-events-end"] = "true" };
        var tree = new JsonObject
        {
            ["kind"] = _request.Type.Kind,
            ["apiVersion"] = _request.Type.ApiVersion,
            ["metadata"] = metadata
        };
        if (_asTable) tree = Tables.Of(_request, [], metadata.Copy(), _state.Now);
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
