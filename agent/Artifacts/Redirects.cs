namespace ModuleController.Agent.Artifacts;

/// <summary>Where a redirect leads, and what may be sent there.</summary>
public static class Redirects
{
    /// <summary>Null: not followed. Plain text after https would give up what https promised, and <c>file:</c> would read our disk.</summary>
    public static Uri? Follow(Uri from, Uri? location)
    {
        if (location is null) return null;
        var to = new Uri(from, location);
        var isFollowed = to.Scheme == from.Scheme || (from.Scheme == Uri.UriSchemeHttp && to.Scheme == Uri.UriSchemeHttps);
        return isFollowed ? to : null;
    }

    /// <summary>Credentials stay with the host and port that they were given for. Only its own https port may take over.</summary>
    public static bool MayKeepCredentials(Uri from, Uri to) =>
        string.Equals(from.IdnHost, to.IdnHost, StringComparison.OrdinalIgnoreCase)
        && ((from.Scheme == to.Scheme && from.Port == to.Port)
            || (from.Scheme == Uri.UriSchemeHttp && to.Scheme == Uri.UriSchemeHttps && to.IsDefaultPort));
}
