namespace ModuleController.Core.Meta;

/// <summary>The kind of API object of a type, and its path in the API server.</summary>
public sealed record ResourceKind(string Group, string Version, string Kind, string Plural, bool IsNamespaced = true)
{
    /// <summary><c>apps/v1</c>; the core group has none: <c>v1</c>.</summary>
    public string ApiVersion => Group.Length == 0 ? Version : $"{Group}/{Version}";

    /// <summary>The path of the collection: <c>/apis/apps/v1/namespaces/shop/deployments</c>; of all namespaces without one.</summary>
    public string Path(string? ns)
    {
        var root = Group.Length == 0 ? $"/api/{Version}" : $"/apis/{Group}/{Version}";
        return IsNamespaced && ns is { Length: > 0 } ? $"{root}/namespaces/{Uri.EscapeDataString(ns)}/{Plural}" : $"{root}/{Plural}";
    }

    public override string ToString() => Group.Length == 0 ? Plural : $"{Plural}.{Group}";
}
