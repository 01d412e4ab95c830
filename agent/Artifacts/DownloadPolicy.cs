using System.Globalization;
using ModuleController.Core.Commands;
using ModuleController.Core.Meta;
using ModuleController.Protocol.V1;

namespace ModuleController.Agent.Artifacts;

/// <summary>The policy of one source: each check throws the <see cref="ArtifactException"/> of a download that it does not allow.</summary>
public sealed class DownloadPolicy(Source source)
{
    // CommandLimits has refused a command with a source that can't be parsed.
    private readonly ArtifactPolicy _policy = source.Policy is not { } policy ? ArtifactPolicy.None : new()
    {
        Sources = [.. policy.Sources.Select(text => ArtifactSource.Parse(text)!)],
        MaxBytes = policy.MaxBytes == 0 ? null : (long)Math.Min(policy.MaxBytes, long.MaxValue),
        RequiresSha256 = policy.RequireSha256,
    };

    /// <summary>Checks the url and the digest, before anything is requested.</summary>
    public void CheckSource()
    {
        if (_policy.FindUrlProblem(source.Url) is { } problem) throw NotAllowed("SOURCE_NOT_ALLOWED", problem);
        if (_policy.RequiresSha256 && source.Sha256.Length == 0)
            throw NotAllowed("DIGEST_REQUIRED", $"the artifact policy requires a sha256 for {UrlText.Of(source.Url)}");
    }

    /// <summary>Checks a redirect, before its target is connected to.</summary>
    public void CheckRedirect(Uri from, Uri to)
    {
        if (!_policy.Allows(to))
            throw NotAllowed(
                "REDIRECT_NOT_ALLOWED",
                $"{DownloadFailures.Shown(from)} redirects to {DownloadFailures.Shown(to)}, which the artifact policy does not allow "
                + $"({_policy.SourceText})");
    }

    /// <param name="bytes">Received, or announced.</param>
    /// <param name="maxBytes">The agent's own limit.</param>
    public void CheckLength(long bytes, long maxBytes = long.MaxValue)
    {
        if (bytes > _policy.MaxBytes)
            throw NotAllowed("TOO_LARGE", TooLarge($"{_policy.MaxBytes} bytes that the artifact policy allows"));
        if (bytes > maxBytes)
            throw new ArtifactException(Reason.InvalidArtifact, "TOO_LARGE", TooLarge($"{maxBytes} bytes that an artifact may have"));
    }

    private string TooLarge(FormattableString limit) =>
        $"{UrlText.Of(source.Url)} is larger than the {limit.ToString(CultureInfo.InvariantCulture)}";

    private static ArtifactException NotAllowed(string code, string problem) => new(Reason.ArtifactNotAllowed, code, problem);
}
