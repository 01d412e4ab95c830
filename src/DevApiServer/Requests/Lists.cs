using System.Buffers;
using System.Globalization;
using System.Text;
using ModuleController.DevApiServer.Resources;

namespace ModuleController.DevApiServer.Requests;

/// <summary>Lists: one revision over all pages, the objects' bytes as they are stored.</summary>
public static class Lists
{
    public static async Task AnswerAsync(ApiState state, ApiRequest request)
    {
        var asTable = Answers.WantsTable(request.Http.Request);
        var selection = Selection.From(request);
        var page = Read(state, request, selection);
        var metadata = new JsonObject { ["resourceVersion"] = page.Revision.ToString(CultureInfo.InvariantCulture) };
        if (page.Continue is not null) metadata["continue"] = page.Continue;
        if (page.Remaining is not null) metadata["remainingItemCount"] = page.Remaining;
        if (asTable) await Answers.WriteAsync(request.Http, 200, Tables.Of(request, page.Objects, metadata, state.Now));
        else await Answers.WriteAsync(request.Http, 200, Serialize(request.Type, page.Objects, metadata));
    }

    private static Page Read(ApiState state, ApiRequest request, Selection selection)
    {
        var (snapshot, start) = Start(state, request);
        var matching = snapshot.In(request.Namespace).Where(selection.Matches);
        if (start.Length > 0) matching = matching.Where(stored => string.CompareOrdinal(PathOf(stored), start) > 0);
        if (request.QueryNumber("limit") is not ({ } limit and > 0))
            return new(snapshot.Revision, [.. matching], null, null);
        var all = matching.ToArray();
        if (all.Length <= limit) return new(snapshot.Revision, all, null, null);
        var objects = all[..(int)limit];
        var token = Convert.ToBase64String(Encoding.UTF8.GetBytes($"{snapshot.Revision} {PathOf(objects[^1])}"));
        return new(snapshot.Revision, objects, token, selection.IsEverything ? all.Length - limit : null);
    }

    private static (Snapshot Snapshot, string After) Start(ApiState state, ApiRequest request)
    {
        var resource = request.Type.Resource;
        try
        {
            if (request.Query("continue") is { Length: > 0 } token)
            {
                var (revision, after) = Parse(token);
                return (state.Log.ListAt(resource, revision), after);
            }

            var asked = request.QueryNumber("resourceVersion") ?? 0;
            if (asked > state.Log.Revision) throw Statuses.VersionTooLarge(asked, state.Log.Revision);
            return request.Query("resourceVersionMatch") switch
            {
                "Exact" when asked > 0 => (state.Log.ListAt(resource, asked), ""),
                "" or "NotOlderThan" => (state.Log.List(resource), ""),
                var match => throw Statuses.BadRequest($"resourceVersionMatch {match} is forbidden with resourceVersion {asked}"),
            };
        }
        catch (CompactedException)
        {
            throw Statuses.Expired("The provided continue parameter or resource version is too old to display a consistent list result. You can start a new list without it.");
        }
    }

    private static (long Revision, string After) Parse(string token)
    {
        var bytes = new byte[token.Length];
        if (!Convert.TryFromBase64String(token, bytes, out var length) || Encoding.UTF8.GetString(bytes, 0, length)
            .Split(' ') is not [var text, var after]
            || !long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var revision))
            throw Statuses.BadRequest("continue key is not valid");
        return (revision, after);
    }

    private static string PathOf(StoredObject stored) => $"{stored.Namespace}/{stored.Name}";

    private static ReadOnlyMemory<byte> Serialize(ResourceType type, IReadOnlyList<StoredObject> objects,
        JsonObject metadata)
    {
        var head = Encoding.UTF8.GetBytes($$"""{"kind":"{{type.ListKind}}","apiVersion":"{{type.ApiVersion}}","metadata":{{metadata.ToCompact()}},"items":[""");
        var buffer = new ArrayBufferWriter<byte>(head.Length + 2 + objects.Sum(stored => stored.Json.Length + 1));
        buffer.Write(head);
        for (var i = 0; i < objects.Count; i++)
        {
            if (i > 0) buffer.Write(","u8);
            buffer.Write(objects[i].Json.Span);
        }

        buffer.Write("]}"u8);
        return buffer.WrittenMemory;
    }

    private sealed record Page(long Revision, IReadOnlyList<StoredObject> Objects, string? Continue, long? Remaining);
}
