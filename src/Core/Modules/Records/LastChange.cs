using System.Globalization;
using System.Text.Json.Nodes;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules.Names;

namespace ModuleController.Core.Modules.Records;

/// <summary>Who changed a ModuleDeployment last, as the API server knows them: <c>koupleless.io/last-change</c>.</summary>
/// <remarks>
/// Our webhook writes it, and is not called while no replica answers. So it names what it is about: another revision or another
/// verb than the object has is a change that the webhook did not see, and whose author is not known.
/// </remarks>
public sealed record LastChange
{
    public const int MaxUser = 256;

    private const int MaxRequest = 64;

    public required string User { get; init; }

    public required DateTimeOffset Time { get; init; }

    /// <summary>The UID of the request, as in the audit log of webhooks.</summary>
    public required string Request { get; init; }

    /// <summary>The hash of the template's revision after the change; null: it could not be read.</summary>
    public string? Revision { get; init; }

    /// <summary>The verb that the object requests after the change; null: none.</summary>
    public string? Action { get; init; }

    /// <summary>Of the object as it is after the change.</summary>
    public LastChange About(ModuleDeployment? deployment) => this with
    {
        Revision = deployment is null ? null : Facts.Revision.Of(deployment.Spec.Template).Hash(),
        Action = deployment?.Metadata.Annotations.GetValueOrDefault(Annotations.Action) is { } action ? ActionOf(action) : null,
    };

    public bool IsOfRevision(ModuleDeployment deployment) => Revision == Facts.Revision.Of(deployment.Spec.Template).Hash();

    public bool IsOfAction(string action) => Action == ActionOf(action);

    /// <summary>Null: there is none, or it is not what the webhook writes.</summary>
    public static LastChange? Of(ModuleDeployment deployment)
    {
        var change = AnnotationJson.Object(deployment.Metadata.Annotations.GetValueOrDefault(Annotations.LastChange));
        return Text("user") is { Length: > 0 and <= MaxUser } user && Text("request") is { Length: > 0 and <= MaxRequest } request
            && DateTimeOffset.TryParse(Text("time"), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time)
            ? new() { User = user, Time = time, Request = request, Revision = Text("revision"), Action = Text("action") }
            : null;

        string? Text(string name) => AnnotationJson.Text(change, name);
    }

    /// <summary>As the annotation has it.</summary>
    public override string ToString()
    {
        var change = new JsonObject
        {
            ["user"] = OperatorText.Within(MaxUser, User),
            ["time"] = KubeTime.Text(Time),
            ["request"] = Request,
        };
        if (Revision is not null) change["revision"] = Revision;
        if (Action is not null) change["action"] = Action;
        return AnnotationJson.Write(change);
    }

    private static string ActionOf(string action) => OperatorText.Within(OperatorText.MaxAction, action);
}
