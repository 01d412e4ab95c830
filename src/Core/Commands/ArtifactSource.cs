namespace ModuleController.Core.Commands;

/// <summary>A place that artifacts may come from: scheme, host, port and the first segments of the path, compared after parsing.</summary>
/// <remarks>A text prefix would allow <c>https://allowed.example@evil.test/</c> and <c>https://allowed.example/modules/../other</c>.</remarks>
public sealed record ArtifactSource
{
    private static readonly string[] Ambiguous = ["%2f", "%5c", "%2e", "%25"];

    private readonly Uri _url;

    private ArtifactSource(Uri url) => _url = url;

    /// <summary>Null: not an http, https or file url, or one with user information, query, fragment or an encoded separator.</summary>
    public static ArtifactSource? Parse(string text) =>
        Parsed(text) is { UserInfo: "", Query: "", Fragment: "" } url ? new(url) : null;

    /// <summary>Whether the url is at this source. A url whose path a server could read in another way is not.</summary>
    public bool Allows(string text) =>
        Parsed(text) is { } url && url.Scheme == _url.Scheme && url.Port == _url.Port && Host(url) == Host(_url) && IsBelow(url);

    public override string ToString() => _url.AbsoluteUri;

    private bool IsBelow(Uri url)
    {
        var (allowed, path) = (Segments(_url), Segments(url));
        return path.Length >= allowed.Length && path.AsSpan(0, allowed.Length).SequenceEqual(allowed);
    }

    private static Uri? Parsed(string text) =>
        IsUnambiguous(text) && Uri.TryCreate(text, UriKind.Absolute, out var url) && url.Scheme is "http" or "https" or "file"
            ? url
            : null;

    // An encoded separator or dot, a doubly encoded character, or a backslash: servers differ in how they read these.
    private static bool IsUnambiguous(string text)
    {
        var path = text.Split('?', '#')[0];
        return !text.Contains('\\', StringComparison.Ordinal)
            && !Ambiguous.Any(part => path.Contains(part, StringComparison.OrdinalIgnoreCase));
    }

    private static string Host(Uri url) => url.IdnHost.TrimEnd('.').ToLowerInvariant();

    private static string[] Segments(Uri url) => url.AbsolutePath.Split('/', StringSplitOptions.RemoveEmptyEntries);
}
