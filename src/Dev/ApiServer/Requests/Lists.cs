using System.Buffers;
using System.Globalization;
using System.Text;

namespace ModuleController.Dev.ApiServer.Requests;

/// <summary>Lists objects, at one revision over all pages.</summary>
public static class Lists
{
    public static async Task AnswerAsync(ApiState state, ApiRequest request)
    {
        var asTable = Answers.WantsTable(request.Http.Request);
        var selection = Selection.From(request);
        var (snapshot, start) = Start(state, request);
        var objects = snapshot.In(request.Namespace).Where(selection.Matches)
            .Where(stored => string.CompareOrdinal(PathOf(stored), start) > 0).ToList();
        var metadata = new JsonObject { ["resourceVersion"] = $"{snapshot.Revision}" };
        if (request.QueryNumber("limit") is { } limit and > 0 && objects.Count > limit)
        {
            if (!selection.IsSelective) metadata["remainingItemCount"] = objects.Count - limit;
            objects.RemoveRange((int)limit, objects.Count - (int)limit);
            var token = Encoding.UTF8.GetBytes($"{snapshot.Revision} {PathOf(objects[^1])}");
            metadata["continue"] = Convert.ToBase64String(token);
        }

        if (asTable) await Answers.WriteAsync(request.Http, 200, Tables.Of(request, objects, metadata, state.Now));
        else await Answers.WriteAsync(request.Http, 200, Serialize(request.Type, objects, metadata));
    }

    private static (Snapshot Snapshot, string After) Start(ApiState state, ApiRequest request)
    {
        var resource = request.Type.Resource;
        var asked = Version(request, why => Statuses.BadRequest($"invalid resource version: {why}"));
        var match = request.Query("resourceVersionMatch");
        if (match.Length > 0 && request.Query("resourceVersion").Length == 0)
            throw Invalid(FieldError.Forbidden("resourceVersionMatch",
                "resourceVersionMatch is forbidden unless resourceVersion is provided"));
        if (match is not ("" or "Exact" or "NotOlderThan"))
            throw Invalid(FieldError.NotSupported("resourceVersionMatch", match, ["Exact", "NotOlderThan", ""]));
        try
        {
            if (request.Query("continue") is { Length: > 0 } token)
                return Decode(token) is (var revision, var after) ? (state.Log.ListAt(resource, revision), after)
                    : throw Statuses.BadRequest("invalid continue token: continue key is not valid: not one of this server's");
            if (asked > state.Log.Revision) throw Statuses.VersionTooLarge(asked, state.Log.Revision);
            if (match == "Exact" && asked == 0)
                throw Invalid(FieldError.Forbidden("resourceVersionMatch",
                    "resourceVersionMatch \"Exact\" is forbidden for resourceVersion \"0\""));
            return (match == "Exact" ? state.Log.ListAt(resource, asked) : state.Log.List(resource), "");
        }
        catch (CompactedException)
        {
            throw Statuses.Expired("The provided continue parameter or resource version is too old to display a "
                + "consistent list result. You can start a new list without it.");
        }
    }

    /// <summary>The requested version; 0 if there is none.</summary>
    public static long Version(ApiRequest request, Func<string, StatusException> refuse)
    {
        var text = request.Query("resourceVersion");
        return text.Length == 0 ? 0 : long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var version) ? version
            : throw refuse($"resourceVersion: Invalid value: \"{text}\": strconv.ParseUint: parsing \"{text}\": invalid syntax");
    }

    private static StatusException Invalid(FieldError error) => Statuses.Invalid("ListOptions", "meta.k8s.io", "", [error]);

    private static (long Revision, string After)? Decode(string token)
    {
        var bytes = new byte[token.Length];
        return Convert.TryFromBase64String(token, bytes, out var length)
            && Encoding.UTF8.GetString(bytes, 0, length).Split(' ') is [var text, var after]
            && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var revision)
            ? (revision, after) : null;
    }

    private static string PathOf(StoredObject stored) => $"{stored.Namespace}/{stored.Name}";

    private static ReadOnlyMemory<byte> Serialize(
        ResourceType type, IReadOnlyList<StoredObject> objects, JsonObject metadata)
    {
        var buffer = new ArrayBufferWriter<byte>(1024 + objects.Sum(stored => stored.Json.Length + 1));
        buffer.Write(Encoding.UTF8.GetBytes(
            $$"""{"kind":"{{type.ListKind}}","apiVersion":"{{type.ApiVersion}}","metadata":"""));
        buffer.Write(metadata.ToUtf8());
        buffer.Write(",\"items\":["u8);
        for (var i = 0; i < objects.Count; i++)
        {
            if (i > 0) buffer.Write(","u8);
            buffer.Write(objects[i].Json.Span);
        }

        buffer.Write("]}"u8);
        return buffer.WrittenMemory;
    }
}
