using System.Net.Http.Headers;
using System.Text;
using Microsoft.Extensions.Logging;
using ModuleController.Core.Meta;

namespace ModuleController.Agent.Artifacts;

/// <summary>Basic authorization for a url: its own user information, or else what a file has for its host.</summary>
/// <param name="file">A netrc file; null: none. It is read for each request, since a kubelet replaces it.</param>
internal sealed class Credentials(string? file, ILogger log)
{
    /// <summary>Null: none is known for the url.</summary>
    public AuthenticationHeaderValue? Of(Uri url) => OfUserInformation(url) ?? OfFile(url);

    private static AuthenticationHeaderValue? OfUserInformation(Uri url)
    {
        if (url.UserInfo.Length == 0) return null;
        // Split before decoding: an encoded colon is part of the name.
        var (user, password) = url.UserInfo.IndexOf(':', StringComparison.Ordinal) is var colon and >= 0
            ? (url.UserInfo[..colon], url.UserInfo[(colon + 1)..])
            : (url.UserInfo, "");
        return Basic(Uri.UnescapeDataString(user), Uri.UnescapeDataString(password));
    }

    private AuthenticationHeaderValue? OfFile(Uri url)
    {
        if (file is null) return null;
        try
        {
            return Netrc.Parse(File.ReadAllText(file)).FirstOrDefault(machine => machine.Matches(url)) is { } found
                ? Basic(found.Login, found.Password) : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            log.CredentialsNotRead(file, ExceptionText.Of(e));
            return null;
        }
    }

    private static AuthenticationHeaderValue Basic(string user, string password) =>
        new("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user}:{password}")));
}
