using System.Globalization;
using ModuleController.Core.Meta;
using ModuleController.Protocol.V1;

namespace ModuleController.Agent.Artifacts;

/// <summary>Failures that name the url of a download, without its secrets.</summary>
internal static class DownloadFailures
{
    public static string Shown(Uri url) => UrlText.Of(url.AbsoluteUri);

    public static ArtifactException TooLarge(Uri source, long maxBytes) => new(
        Reason.InvalidArtifact, "TOO_LARGE",
        string.Create(CultureInfo.InvariantCulture, $"{Shown(source)} is larger than the {maxBytes} bytes that an artifact may have"));

    /// <summary>The server may be reached by the next attempt.</summary>
    public static ArtifactException Unreachable(Uri source, string problem, Exception? inner) =>
        new(Reason.ArtifactUnreachable, "UNREACHABLE", $"{Shown(source)}: {problem}", inner) { IsTransient = true };
}
