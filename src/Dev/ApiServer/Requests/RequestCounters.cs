using System.Collections.Concurrent;

namespace ModuleController.Dev.ApiServer.Requests;

/// <summary>The labels of a request's counter; verbs are those of RBAC: get, list, watch, create, update …</summary>
public sealed record RequestKind(string Verb, string Resource, string Subresource, int Code, string UserAgent);

/// <summary>Counts requests when they are answered (watches when they begin).</summary>
public sealed class RequestCounters
{
    private readonly ConcurrentDictionary<RequestKind, long> _counts = new();

    public void Count(RequestKind kind) => _counts.AddOrUpdate(kind, 1, (_, count) => count + 1);

    public IReadOnlyDictionary<RequestKind, long> Snapshot() => new Dictionary<RequestKind, long>(_counts);
}
