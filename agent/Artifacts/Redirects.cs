namespace ModuleController.Agent.Artifacts;

/// <summary>Which redirects are followed, and with which credentials.</summary>
public static class Redirects
{
    /// <summary>Null: the redirect is not followed. Only http and https are, and never from https back to http.</summary>
    public static Uri? Follow(Uri from, Uri? location)
    {
        if (location is null) return null;
        var to = new Uri(from, location);
        var isFollowed = to.Scheme == from.Scheme || (from.Scheme == Uri.UriSchemeHttp && to.Scheme == Uri.UriSchemeHttps);
        return isFollowed ? to : null;
    }

    /// <summary>
    /// Credentials are sent only to the host and port that they were given for, or to the default https port of that host.
    /// </summary>
    public static bool MayKeepCredentials(Uri from, Uri to) =>
        string.Equals(from.IdnHost, to.IdnHost, StringComparison.OrdinalIgnoreCase)
        && ((from.Scheme == to.Scheme && from.Port == to.Port)
            || (from.Scheme == Uri.UriSchemeHttp && to.Scheme == Uri.UriSchemeHttps && to.IsDefaultPort));
}
