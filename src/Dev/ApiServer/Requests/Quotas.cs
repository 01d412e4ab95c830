using System.Globalization;

namespace ModuleController.Dev.ApiServer.Requests;

/// <summary>
/// ResourceQuotas that count objects and node ports. Usage is counted again for each write, and written into the
/// status before the response; both under one lock, so that two writes cannot both use the last free place.
/// </summary>
public sealed class Quotas(EventLog log)
{
    public const string Resource = "resourcequotas";

    private readonly Lock _gate = new();

    /// <summary>Carries out a write. In a namespace with a quota no other write comes between its check and its commit.</summary>
    public T Guard<T>(string ns, Func<T> write)
    {
        if (!Applies(ns)) return write();
        lock (_gate) return write();
    }

    /// <exception cref="StatusException">403 if the object would exceed a quota of its namespace.</exception>
    public void Check(ApiRequest request, JsonObject tree, JsonObject? before)
    {
        foreach (var quota in Of(request.Namespace))
        {
            var exceeded = new List<(string Name, long Requested, long Used, long Limit)>();
            foreach (var (name, limit) in Limits(quota.Tree))
            {
                var usedBefore = before is null ? 0 : Usage(name, request.Type.Resource, before);
                var requested = Usage(name, request.Type.Resource, tree) - usedBefore;
                if (requested > 0 && Used(name, request.Namespace) is var used && used + requested > limit)
                    exceeded.Add((name, requested, used, limit));
            }

            if (exceeded.Count == 0) continue;
            string Listed(Func<(string Name, long Requested, long Used, long Limit), long> value) => string.Join(',', exceeded
                .OrderBy(one => one.Name, StringComparer.Ordinal).Select(one => $"{one.Name}={value(one)}"));
            throw Statuses.Forbidden(
                request.Type, request.Name, $"exceeded quota: {quota.Name}, requested: {Listed(one => one.Requested)}, "
                + $"used: {Listed(one => one.Used)}, limited: {Listed(one => one.Limit)}");
        }
    }

    /// <summary>Updates the usage in the statuses of a namespace's quotas.</summary>
    public void Refresh(string ns)
    {
        if (!Applies(ns)) return;
        lock (_gate)
        {
            foreach (var quota in Of(ns).Where(quota => !IsCurrent(quota, ns)))
                log.Commit(new(Resource, ns, quota.Name), _ => { }, tree =>
                {
                    tree!["status"] = StatusOf(tree, ns);
                    return new(tree);
                });
        }
    }

    /// <summary>Rejects limits that are not counted here, instead of ignoring them.</summary>
    public static void Admit(JsonObject quota)
    {
        if (quota.Texts("spec", "scopes").Any() || quota.At("spec", "scopeSelector") is not null)
            throw Statuses.NotImplemented("a ResourceQuota with scopes");
        var hard = quota.Child("spec").Child("hard");
        foreach (var (name, value) in hard.ToArray())
        {
            if (TrackedBy(name) is null) throw Statuses.NotImplemented($"a ResourceQuota of {name}");
            var text = value.Text() ?? value.ToCompact();
            if (!long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out _))
                throw Statuses.NotImplemented($"a ResourceQuota with {name}: {text}");
            hard[name] = text;
        }
    }

    private bool Applies(string ns) => ns.Length > 0 && Of(ns).Any();

    private IEnumerable<StoredObject> Of(string ns) => log.List(Resource).In(ns);

    private long Used(string name, string ns) =>
        TrackedBy(name) is { } resource ? log.List(resource).In(ns).Sum(stored => Usage(name, resource, stored.Tree)) : 0;

    private bool IsCurrent(StoredObject quota, string ns) => JsonNode.DeepEquals(quota.Tree["status"], StatusOf(quota.Tree, ns));

    private JsonObject StatusOf(JsonObject quota, string ns)
    {
        var status = new JsonObject { ["hard"] = quota.At("spec", "hard")?.DeepClone() };
        status["used"] = new JsonObject(Limits(quota).Select(one => KeyValuePair.Create(one.Name,
            (JsonNode?)Used(one.Name, ns).ToString(CultureInfo.InvariantCulture))));
        return status;
    }

    private static IEnumerable<(string Name, long Limit)> Limits(JsonObject quota) => quota.Fields("spec", "hard")
        .Select(one => (one.Name, long.Parse(one.Value.Text()!, CultureInfo.InvariantCulture)));

    /// <summary>The resource whose objects a limit counts; null for limits of another kind.</summary>
    private static string? TrackedBy(string name) => name switch
    {
        "pods" or "services" or "secrets" or "configmaps" or Resource => name,
        "services.nodeports" or "services.loadbalancers" => "services",
        _ => name.StartsWith("count/", StringComparison.Ordinal) ? name["count/".Length..] : null,
    };

    private static long Usage(string name, string resource, JsonObject tree)
    {
        if (TrackedBy(name) != resource) return 0;
        var type = tree.Text("spec", "type");
        return name switch
        {
            "pods" => tree.Text("status", "phase") is "Succeeded" or "Failed" ? 0 : 1,
            "services.loadbalancers" => type == "LoadBalancer" ? 1 : 0,
            "services.nodeports" => type is "NodePort" or "LoadBalancer" ? tree.Objects("spec", "ports").Count() : 0,
            _ => 1,
        };
    }
}
