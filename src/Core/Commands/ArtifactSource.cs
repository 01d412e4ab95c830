namespace ModuleController.Core.Commands;

/// <summary>A place that artifacts may come from: scheme, host, port and the first segments of the path, compared after parsing.</summary>
/// <remarks>A text prefix would allow <c>https://allowed.example@evil.test/</c> and
/// <c>https://allowed.example/modules/../other</c>.</remarks>
public sealed class ArtifactSource
{
    // An encoded separator, dot or NUL, a doubly encoded character, or an overlong encoding of these: servers differ in how they read them.
    private static readonly string[] AmbiguousCodes = ["%2f", "%5c", "%2e", "%25", "%00", "%c0", "%c1"];

    private readonly Uri _url;
    private readonly string[] _segments;

    private ArtifactSource(Uri url)
    {
        var segments = url.AbsolutePath.Split('/');
        (_url, _segments) = (url, segments[^1].Length == 0 ? segments[..^1] : segments);
    }

    /// <summary>Null: not an http, https or file url, or one with user information, a query, a fragment or an ambiguous path.</summary>
    public static ArtifactSource? Parse(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out var url) && url is { UserInfo: "", Query: "", Fragment: "" }
        && url.Scheme is "http" or "https" or "file" && !IsAmbiguous(url)
            ? new(url)
            : null;

    /// <summary>Whether the url is at this source. One with an ambiguous path is at none.</summary>
    /// <remarks>A final dot makes another host: <c>nexus.tools</c> may be a Service of the cluster, <c>nexus.tools.</c> never is.</remarks>
    public bool Allows(Uri url) =>
        url.Scheme == _url.Scheme && url.Port == _url.Port
        && string.Equals(url.IdnHost, _url.IdnHost, StringComparison.OrdinalIgnoreCase)
        && url.AbsolutePath.Split('/').AsSpan().StartsWith(_segments) && !IsAmbiguous(url);

    /// <summary>Whether a server may read the path in another way than it is compared here: it could lead out of its folder.</summary>
    public static bool IsAmbiguous(Uri url) =>
        url.OriginalString.Contains('\\', StringComparison.Ordinal) || HasAmbiguousCode(PathOf(url.OriginalString))
        || HasAmbiguousCode(url.AbsolutePath) || url.AbsolutePath.Split('/').Any(HasParameterAfterDots);

    public override string ToString() => _url.AbsoluteUri;

    private static bool HasAmbiguousCode(string path) =>
        AmbiguousCodes.Any(code => path.Contains(code, StringComparison.OrdinalIgnoreCase));

    // Some servers drop parameters of a segment before they resolve it: /modules/..;/other.
    private static bool HasParameterAfterDots(string segment) =>
        segment.Replace("%3b", ";", StringComparison.OrdinalIgnoreCase).Split(';') is [".", _, ..] or ["..", _, ..];

    // As it was written: Uri resolves encoded dots. User information may contain encoded separators.
    private static string PathOf(string text)
    {
        var end = text.IndexOfAny(['?', '#']);
        if (end >= 0) text = text[..end];
        var authority = text.IndexOf("://", StringComparison.Ordinal) is var scheme and >= 0 ? scheme + 3 : 0;
        return text.IndexOf('/', authority) is var start and >= 0 ? text[start..] : "";
    }
}
