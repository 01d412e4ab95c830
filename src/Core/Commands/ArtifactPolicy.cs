using System.Globalization;
using ModuleController.Core.Meta;

namespace ModuleController.Core.Commands;

/// <summary>Which artifacts a namespace may install. The controller applies it to specs, and agents to urls, redirects and bytes.</summary>
public sealed record ArtifactPolicy
{
    private const int MaxNamed = 3;

    /// <summary>Every artifact is allowed.</summary>
    public static ArtifactPolicy None { get; } = new();

    /// <summary>Empty: every source.</summary>
    public IReadOnlyList<ArtifactSource> Sources { get; init; } = [];

    /// <summary>Null: only the agent's own limit counts.</summary>
    public long? MaxBytes { get; init; }

    /// <summary>The digest of each artifact must be in the spec. MD5 does not count: two files with one MD5 can be made.</summary>
    public bool RequiresSha256 { get; init; }

    public bool IsNone => Sources.Count == 0 && MaxBytes is null && !RequiresSha256;

    public bool Allows(Uri url) => Sources.Count == 0 || Sources.Any(source => source.Allows(url));

    /// <summary>Why the url is not allowed, without its secrets; null: it is.</summary>
    public string? FindUrlProblem(string url)
    {
        if (Sources.Count == 0) return null;
        if (!Uri.TryCreate(url, UriKind.Absolute, out var parsed)) return $"{UrlText.Of(url)} is not a url";
        if (Allows(parsed)) return null;
        return ArtifactSource.IsAmbiguous(parsed)
            ? $"{UrlText.Of(url)} is not allowed by the artifact policy: its path has an encoded separator, dot or percent sign, or a "
                + "backslash, which servers read in different ways"
            : $"{UrlText.Of(url)} is not at a source that the artifact policy allows ({SourceText})";
    }

    /// <summary><c>https://a/, https://b/, https://c/ and 2 more</c>.</summary>
    public string SourceText => string.Join(", ", Sources.Take(MaxNamed))
        + (Sources.Count > MaxNamed ? string.Create(CultureInfo.InvariantCulture, $" and {Sources.Count - MaxNamed} more") : "");
}
