using System.Collections.Concurrent;
using System.Text;

namespace ModuleController.DevApiServer.Requests;

/// <summary>What is counted of a request. Verbs are those of RBAC: get, list, watch, create, update, patch, delete, deletecollection.</summary>
public sealed record RequestKind(string Verb, string Resource, string Subresource, int Code, string UserAgent);

/// <summary>Counts requests as they are answered (a watch: as it begins).</summary>
public sealed class RequestCounters
{
    private readonly ConcurrentDictionary<RequestKind, long> _counts = new();

    public void Count(RequestKind kind) => _counts.AddOrUpdate(kind, 1, (_, count) => count + 1);

    public IReadOnlyDictionary<RequestKind, long> Snapshot() => new Dictionary<RequestKind, long>(_counts);

    /// <summary>In Prometheus' text form, under the name that the real API server has for it.</summary>
    public string ToPrometheus()
    {
        var text = new StringBuilder("# HELP apiserver_request_total Requests by verb, resource, subresource and answer.\n# TYPE apiserver_request_total counter\n");
        foreach (var kinds in _counts.GroupBy(entry => entry.Key with { UserAgent = "" })
            .OrderBy(group => group.Key.ToString(), StringComparer.Ordinal))
        {
            var (kind, total) = (kinds.Key, kinds.Sum(entry => entry.Value));
            text.Append(System.Globalization.CultureInfo.InvariantCulture,
                $"apiserver_request_total{{verb=\"{PrometheusVerb(kind.Verb)}\",resource=\"{kind.Resource}\",subresource=\"{kind.Subresource}\",code=\"{kind.Code}\"}} {total}\n");
        }

        return text.ToString();
    }

    private static string PrometheusVerb(string verb) =>
        verb switch { "create" => "POST", "update" => "PUT", _ => verb.ToUpperInvariant() };
}
