namespace ModuleController.Protocol;

/// <summary>What an agent can do beyond the first version of the protocol, as its hello says it.</summary>
public static class Capabilities
{
    /// <summary>The command <c>fetch</c>.</summary>
    public const string Fetch = "fetch";

    /// <summary>Urls of more than <see cref="Limits.UrlOfFirstVersion"/> bytes.</summary>
    public const string LongUrls = "long-urls";

    /// <summary>The field <c>policy</c> of a source.</summary>
    public const string ArtifactPolicy = "artifact-policy";
}
