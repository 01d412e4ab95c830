using System.Net.Http.Headers;
using System.Text;

namespace ModuleController.Agent.Artifacts;

/// <summary>The user information of a url as Basic authorization.</summary>
internal static class Credentials
{
    /// <summary>Null: the url has no user information.</summary>
    public static AuthenticationHeaderValue? Of(Uri url)
    {
        if (url.UserInfo.Length == 0) return null;
        // Split before decoding: an encoded colon is part of the name.
        var (user, password) = url.UserInfo.IndexOf(':', StringComparison.Ordinal) is var colon and >= 0
            ? (url.UserInfo[..colon], url.UserInfo[(colon + 1)..])
            : (url.UserInfo, "");
        var pair = $"{Uri.UnescapeDataString(user)}:{Uri.UnescapeDataString(password)}";
        return new("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes(pair)));
    }
}
