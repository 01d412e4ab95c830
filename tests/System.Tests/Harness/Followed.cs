using System.Globalization;
using ModuleController.Core.Meta;
using ModuleController.Kube.Client;

namespace ModuleController.SystemTests.Harness;

/// <summary>Whether somebody who follows a kind of object has come as far as the API server was when it was asked.</summary>
internal static class Followed
{
    /// <summary>Versions of one API server are in the order of its writes.</summary>
    public static bool HasSeen<T>(IEnumerable<T> known, ResourceList<T> list) where T : class, IResource
    {
        var seen = known.ToDictionary(item => item.Metadata.Uid!);
        return list.Items.All(item => seen.Remove(item.Metadata.Uid!, out var found) && VersionOf(found) >= VersionOf(item))
            && seen.Values.All(left => VersionOf(left) > Number(list.ResourceVersion));      // made since
    }

    private static long VersionOf(IResource item) => Number(item.Metadata.ResourceVersion);

    private static long Number(string? version) => long.Parse(version ?? "0", CultureInfo.InvariantCulture);
}
