using System.Text.Json.Nodes;

namespace ModuleController.ControlPlane.Admission;

/// <summary>What the API server asks a webhook before it writes or deletes an object.</summary>
public sealed record AdmissionRequest
{
    public required string Uid { get; init; }

    public required AdmissionOperation Operation { get; init; }

    /// <summary>Group and version of the object, such as <c>apps/v1</c>.</summary>
    public required string ApiVersion { get; init; }

    public required string Kind { get; init; }

    /// <summary>Empty: the object itself is written.</summary>
    public string SubResource { get; init; } = "";

    /// <summary>Empty for objects without a namespace.</summary>
    public string Namespace { get; init; } = "";

    /// <summary>Empty on a create with <c>generateName</c>: the name does not exist yet.</summary>
    public string Name { get; init; } = "";

    public required AdmissionUser User { get; init; }

    /// <summary>Nothing is written: a handler must not have side effects.</summary>
    public bool IsDryRun { get; init; }

    /// <summary>The object as it will be written; null on a delete.</summary>
    public JsonObject? Object { get; init; }

    /// <summary>The stored object; null on a create.</summary>
    public JsonObject? OldObject { get; init; }
}

public enum AdmissionOperation
{
    Create,
    Update,
    Delete,
    Connect,
}

/// <summary>Who sent the request, with all that an access review needs.</summary>
public sealed record AdmissionUser(
    string Name, string Uid, IReadOnlyList<string> Groups, IReadOnlyDictionary<string, IReadOnlyList<string>> Extra);
