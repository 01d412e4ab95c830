using ModuleController.Core.Meta;
using ModuleController.Protocol.V1;

namespace ModuleController.Agent.Artifacts;

/// <summary>Failures that name the url of a download, without its secrets.</summary>
internal static class DownloadFailures
{
    public static string Shown(Uri url) => UrlText.Of(url.AbsoluteUri);

    /// <summary>The server may be reached by the next attempt.</summary>
    public static ArtifactException Unreachable(Uri source, string problem, Exception? inner) =>
        new(Reason.ArtifactUnreachable, "UNREACHABLE", $"{Shown(source)}: {problem}", inner) { IsTransient = true };
}
