using System.Globalization;
using System.Text.Json.Nodes;
using ModuleController.DevApiServer.Resources;
using ModuleController.DevApiServer.Storage;

namespace ModuleController.DevApiServer.Requests;

/// <summary>
/// Gives Services a cluster address (10.96.0.0/16) and node ports (30000-32767). Nothing listens there; they are handed
/// out so that each is unique, which clients and manifests may rely on.
/// </summary>
public sealed class Allocations(EventLog log)
{
    private readonly Lock _gate = new();
    private int _nextAddress;
    private int _nextPort;

    public void Assign(JsonObject service, JsonObject? before, bool isDryRun)
    {
        var spec = service.Child("spec");
        if (spec.Text("type") == "ExternalName")
        {
            foreach (var field in (string[])["clusterIP", "clusterIPs"]) spec.Remove(field);
            return;
        }

        var others = log.List("services").Objects.Values.Where(other => other.Uid != service.Text("metadata", "uid"))
            .Select(other => other.Tree["spec"]).ToArray();
        var addresses = others.Select(other => other.Text("clusterIP")).OfType<string>().ToHashSet();
        if (string.IsNullOrEmpty(spec.Text("clusterIP")))
            spec["clusterIP"] = before.Text("spec", "clusterIP") ?? NextAddress(addresses, isDryRun);
        else if (spec.Text("clusterIP") is var wanted and not "None" && addresses.Contains(wanted!))
            throw Taken(service, "spec.clusterIPs", "clusterIP", wanted!);
        spec["clusterIPs"] = new JsonArray(spec.Text("clusterIP"));

        if (spec.Text("type") is not ("NodePort" or "LoadBalancer"))
        {
            foreach (var port in spec.Objects("ports")) port.Remove("nodePort");
            return;
        }

        var ports = others.SelectMany(other => other.Objects("ports"))
            .Select(port => (int)(port.Number("nodePort") ?? 0)).ToHashSet();
        foreach (var port in spec.Objects("ports"))
        {
            var old = before.Objects("spec", "ports")
                .FirstOrDefault(one => JsonNode.DeepEquals(one["port"], port["port"]));
            port.Default("nodePort", old?["nodePort"]?.DeepClone() ?? NextPort(ports, isDryRun));
            var number = (int)(port.Number("nodePort") ?? 0);
            if (number is < 30000 or > 32767)
                throw Invalid(service,
                    FieldError.Invalid("spec.ports[0].nodePort", number,
                        "provided port is not in the valid range. The range of valid ports is 30000-32767"));
            if (!ports.Add(number))
                throw Taken(service, "spec.ports[0].nodePort", "port", number.ToString(CultureInfo.InvariantCulture));
        }
    }

    private string NextAddress(HashSet<string> taken, bool isDryRun)
    {
        lock (_gate)
        {
            for (var next = _nextAddress + 1; ; next++)
            {
                var address = $"10.96.{next / 254 % 256}.{next % 254 + 1}";
                if (taken.Contains(address)) continue;
                if (!isDryRun) _nextAddress = next;
                return address;
            }
        }
    }

    private int NextPort(HashSet<int> taken, bool isDryRun)
    {
        lock (_gate)
        {
            for (var next = _nextPort + 1; ; next++)
            {
                var port = 30000 + next * 37 % 2768;      // spread, as a real one's look, and never one twice in 2,768
                if (taken.Contains(port)) continue;
                if (!isDryRun) _nextPort = next;
                return port;
            }
        }
    }

    private static StatusException Taken(JsonObject service, string field, string what, string value) =>
        Invalid(service, FieldError.Invalid(field, value,
            $"failed to allocate {what} {value}: provided {what} is already allocated"));

    private static StatusException Invalid(JsonObject service, FieldError error) =>
        Statuses.Invalid("Service", "", service.Text("metadata", "name") ?? "", [error]);
}
