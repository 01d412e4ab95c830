using ModuleController.Dev.ApiServer.Access;

namespace ModuleController.Dev.ApiServer.Admission;

/// <summary>What is about to be done, as the rules and conditions of webhooks see it.</summary>
public sealed record AdmissionAttributes(ResourceType Type, string Operation, string Subresource = "")
{
    /// <summary>For a Namespace its own name.</summary>
    public string Namespace { get; init; } = "";

    /// <summary>Empty until a generated name is known, and for a collection.</summary>
    public string Name { get; init; } = "";

    /// <summary>Null for the server's own requests, which no webhook sees.</summary>
    public User? User { get; init; }

    /// <summary>The kind of the object, which is another one for some subresources.</summary>
    public (string Group, string Version, string Kind) Kind { get; init; } = (Type.Group, Type.Version, Type.Kind);

    public JsonObject Options { get; init; } = [];

    public bool IsDryRun { get; init; }

    public JsonObject? OldObject { get; init; }

    public bool IsNamespace => Type.Resource == "namespaces";

    public AdmissionAttributes Named(string name) => this with { Name = name, Namespace = IsNamespace ? name : Namespace };

    /// <summary>The request of an AdmissionReview, without its objects.</summary>
    public JsonObject ToRequest(string uid)
    {
        JsonObject KindOf() => new() { ["group"] = Kind.Group, ["version"] = Kind.Version, ["kind"] = Kind.Kind };
        JsonObject ResourceOf() => new() { ["group"] = Type.Group, ["version"] = Type.Version, ["resource"] = Type.Plural };
        var request = new JsonObject { ["uid"] = uid, ["kind"] = KindOf(), ["resource"] = ResourceOf() };
        if (Subresource.Length > 0) request["subResource"] = Subresource;
        request["requestKind"] = KindOf();
        request["requestResource"] = ResourceOf();
        if (Subresource.Length > 0) request["requestSubResource"] = Subresource;
        if (Name.Length > 0) request["name"] = Name;
        if (Namespace.Length > 0) request["namespace"] = Namespace;
        request["operation"] = Operation;
        var user = new JsonObject { ["username"] = User?.Name };
        if (User?.Uid is { } userUid) user["uid"] = userUid;
        user["groups"] = new JsonArray([.. (User?.Groups ?? []).Select(group => (JsonNode)group)]);
        request["userInfo"] = user;
        request["dryRun"] = IsDryRun;
        request["options"] = Options.DeepClone();
        return request;
    }
}
