using System.Collections.Concurrent;

namespace ModuleController.Dev.ApiServer.Access;

/// <summary>
/// One kind of access: <paramref name="Resource"/> includes the subresource, as a rule of a role names it, or is the path of a document.
/// </summary>
public sealed record Access(string User, string Verb, string Group, string Resource, bool IsAllowed);

/// <summary>Counts the requests by user, and whether they were allowed.</summary>
public sealed class AccessLog
{
    private readonly ConcurrentDictionary<Access, long> _counts = new();

    internal void Count(User user, RequestAttributes request, bool isAllowed)
    {
        var resource = request.Resource.Length > 0 ? request.CombinedResource : request.Path;
        _counts.AddOrUpdate(new(user.Name, request.Verb, request.Group, resource, isAllowed), 1, (_, count) => count + 1);
    }

    public IReadOnlyDictionary<Access, long> Snapshot() => new Dictionary<Access, long>(_counts);
}
