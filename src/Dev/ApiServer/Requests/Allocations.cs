using System.Globalization;

namespace ModuleController.Dev.ApiServer.Requests;

/// <summary>
/// Allocates a cluster address (10.96.0.0/16) and node ports (30000-32767) to Services. Nothing listens there; they are
/// unique, which clients and manifests may rely on.
/// </summary>
public sealed class Allocations(EventLog log)
{
    // Each number is allocated once. Those of a dry run are lost.
    private int _addresses;
    private int _ports;

    public void Assign(JsonObject service, JsonObject? before)
    {
        var spec = service.Child("spec");
        var others = log.List("services").Objects.Values.Where(other => other.Uid != service.Text("metadata", "uid"))
            .Select(other => other.Tree["spec"]).ToArray();
        var addresses = others.Select(other => other.Text("clusterIP")).OfType<string>().ToHashSet();
        if (string.IsNullOrEmpty(spec.Text("clusterIP")))
            spec["clusterIP"] = before.Text("spec", "clusterIP") ?? Free(NextAddress, addresses.Contains);
        else if (spec.Text("clusterIP") is var requested and not "None" && addresses.Contains(requested!))
            throw AlreadyAllocated(service, "clusterIPs", requested, "the provided IP is already allocated");
        spec["clusterIPs"] = new JsonArray(spec.Text("clusterIP"));

        if (spec.Text("type") is not ("NodePort" or "LoadBalancer"))
        {
            foreach (var port in spec.Objects("ports")) port.Remove("nodePort");
            return;
        }

        var taken = others.SelectMany(other => other.Objects("ports")).Select(one => one.Number("nodePort")).ToHashSet();
        foreach (var port in spec.Objects("ports"))
        {
            var old = before.Objects("spec", "ports").FirstOrDefault(one => one.Number("port") == port.Number("port"));
            port.Default("nodePort", old?["nodePort"]?.DeepClone() ?? Free(NextPort, port => taken.Contains(port)));
            var number = port.Number("nodePort");
            if (number is < 30000 or > 32767)
                throw AlreadyAllocated(service, "ports[0].nodePort", number,
                    "provided port is not in the valid range. The range of valid ports is 30000-32767");
            if (!taken.Add(number))
                throw AlreadyAllocated(service, "ports[0].nodePort", number, "provided port is already allocated");
        }
    }

    private string NextAddress()
    {
        var next = Interlocked.Increment(ref _addresses);
        return string.Create(CultureInfo.InvariantCulture, $"10.96.{next / 254 % 256}.{next % 254 + 1}");
    }

    /// <summary>Spread like those of a real server, without a repetition in 2,768.</summary>
    private int NextPort() => 30000 + Interlocked.Increment(ref _ports) * 37 % 2768;

    private static T Free<T>(Func<T> next, Func<T, bool> isTaken)
    {
        while (true)
            if (next() is var one && !isTaken(one)) return one;
    }

    private static StatusException AlreadyAllocated(JsonObject service, string field, JsonNode? value, string why) =>
        Statuses.Invalid("Service", "", service.Text("metadata", "name") ?? "",
            [FieldError.Invalid($"spec.{field}", value, why)]);
}
