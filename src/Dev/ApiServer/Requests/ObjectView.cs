namespace ModuleController.Dev.ApiServer.Requests;

/// <summary>The form in which a subresource shows an object, such as Scale, and how it is written back.</summary>
public sealed record ObjectView((string Group, string Version, string Kind) Kind, Func<JsonObject, JsonObject> Read,
    Func<JsonObject, JsonObject, JsonObject> Write)
{
    public bool IsWhole { get; private init; }

    public static ObjectView Whole(ResourceType type) =>
        new((type.Group, type.Version, type.Kind), tree => tree, (_, next) => next) { IsWhole = true };
}
