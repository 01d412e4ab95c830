using System.Text;
using System.Text.Json.Nodes;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules.Names;

namespace ModuleController.Core.Modules.Records;

/// <summary>A verb that was carried out or refused, as annotations of the ModuleDeployment keep it.</summary>
/// <param name="Text">The verb with its argument.</param>
/// <param name="Author">The change that requested it; null: the user is not known.</param>
/// <param name="By">Who requests it, as the request itself has it.</param>
/// <param name="Refusal">Null: it was carried out.</param>
internal sealed record VerbRecord(
    string Text, DateTimeOffset At, LastChange? Author, string? By, string? Reason, string? Refusal)
{
    public const int MaxRecords = 20;

    private const int MaxHistory = 32 * 1024;

    /// <summary>Adds it to annotations. The oldest records make room, also where a user's annotations leave little.</summary>
    public void AddTo(Dictionary<string, string> annotations)
    {
        var records = AnnotationJson.Objects(annotations.GetValueOrDefault(Annotations.ActionHistory));
        annotations.Remove(Annotations.ActionHistory);
        AnnotationRoom.Set(annotations, Annotations.LastAction, AnnotationJson.Write(Json()));
        records.Add(Json());
        for (var first = Math.Max(0, records.Count - MaxRecords); first < records.Count; first++)
        {
            var text = AnnotationJson.Write(new JsonArray([.. records.Skip(first).Select(record => record.DeepClone())]));
            if (Encoding.UTF8.GetByteCount(text) <= MaxHistory && AnnotationRoom.Set(annotations, Annotations.ActionHistory, text)) return;
        }
    }

    /// <summary>The reason of the verb that a change requested; null: it requested none, or gave no reason.</summary>
    public static string? ReasonOf(IReadOnlyDictionary<string, string> annotations, string request) =>
        AnnotationJson.Objects(annotations.GetValueOrDefault(Annotations.ActionHistory))
            .LastOrDefault(record => AnnotationJson.Text(record, "request") == request) is { } found
            ? AnnotationJson.Text(found, "reason") : null;

    private JsonObject Json()
    {
        var record = new JsonObject { ["action"] = Text, ["at"] = KubeTime.Text(At) };
        if (Author is not null) (record["user"], record["request"]) = (Author.User, Author.Request);
        if (By is not null) record["by"] = By;
        if (Reason is not null) record["reason"] = Reason;
        if (Refusal is not null) record["refused"] = Refusal;
        return record;
    }
}
