using System.Globalization;

namespace ModuleController.Dev.ApiServer.Resources;

/// <summary>The columns of the built-in tables that kubectl's users look at; other kinds show name and age.</summary>
public static class BuiltinColumns
{
    private const int Wide = 1;

    public static readonly Column Name = Text("Name", tree => tree.Text("metadata", "name")) with
    {
        Format = "name",
        Description = "Name must be unique within a namespace. Is required when creating resources, although some resources may "
            + "allow a client to request the generation of an appropriate name automatically. Name is primarily intended for "
            + "creation idempotence and configuration definition. Cannot be updated. More info: "
            + "https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names",
    };

    public static readonly Column Age =
        new("Age", "string", (tree, now) => Since(tree.Text("metadata", "creationTimestamp"), now) ?? "<unknown>");

    public static IReadOnlyList<Column> For(string resource) => resource switch
    {
        "pods" =>
        [
            Name, Text("Ready", PodColumns.Ready), Text("Status", PodColumns.Status),
            new("Restarts", "string", PodColumns.Restarts), Age,
            Text("IP", tree => tree.Text("status", "podIP") ?? "<none>", Wide),
            Text("Node", tree => tree.Text("spec", "nodeName") ?? "<none>", Wide),
            Text("Readiness Gates", Gates, Wide),
        ],
        "deployments.apps" =>
        [
            Name, Text("Ready", tree => $"{Count(tree, "status", "readyReplicas")}/{Count(tree, "spec", "replicas")}"),
            Whole("Up-to-date", "status", "updatedReplicas"), Whole("Available", "status", "availableReplicas"), Age,
            .. Template,
        ],
        "replicasets.apps" =>
        [
            Name, Whole("Desired", "spec", "replicas"), Whole("Current", "status", "replicas"),
            Whole("Ready", "status", "readyReplicas"), Age, .. Template,
        ],
        "services" =>
        [
            Name, Text("Type", tree => tree.Text("spec", "type")),
            Text("Cluster-IP", tree => tree.Text("spec", "clusterIP")),
            Text("External-IP", tree => Joined(tree.Texts("spec", "externalIPs"))),
            Text("Port(s)", tree => Joined(tree.Objects("spec", "ports").Select(ServicePort))), Age,
            Text("Selector", tree => Pairs(tree.At("spec", "selector")), Wide),
        ],
        "mutatingwebhookconfigurations.admissionregistration.k8s.io" or "validatingwebhookconfigurations.admissionregistration.k8s.io" =>
            [Name, new("Webhooks", "integer", (tree, _) => tree.Objects("webhooks").Count()), Age],
        "nodes" => [Name, Text("Status", NodeStatus), Age],
        "namespaces" => [Name, Text("Status", tree => tree.Text("status", "phase")), Age],
        "events" =>
        [
            new("Last Seen", "string", (tree, now) => Since(LastSeen(tree), now) ?? "<unknown>"),
            Text("Type", tree => tree.Text("type")), Text("Reason", tree => tree.Text("reason")),
            Text("Object", tree =>
                $"{tree.Text("involvedObject", "kind")?.ToLowerInvariant()}/{tree.Text("involvedObject", "name")}"),
            Text("Source", tree => tree.Text("source", "component") ?? tree.Text("reportingComponent"), Wide),
            Text("Message", tree => tree.Text("message")?.Trim()),
            Text("Count", tree => tree.Number("series", "count") ?? tree.Number("count") ?? 1, Wide),
            Name with { Priority = Wide },
        ],
        "leases.coordination.k8s.io" => [Name, Text("Holder", tree => tree.Text("spec", "holderIdentity")), Age],
        "configmaps" => [Name, Text("Data", tree => Length(tree, "data") + Length(tree, "binaryData")), Age],
        "secrets" => [Name, Text("Type", tree => tree.Text("type")), Text("Data", tree => Length(tree, "data")), Age],
        "endpointslices.discovery.k8s.io" =>
        [
            Name, Text("AddressType", tree => tree.Text("addressType")),
            Text("Ports", tree => Joined(tree.Objects("ports").Select(port => port["port"].ToCompact()), "<unset>")),
            Text("Endpoints", tree =>
                Joined(tree.Objects("endpoints").SelectMany(endpoint => endpoint.Texts("addresses")), "<unset>")), Age,
        ],
        ResourceRegistry.Definitions =>
            [Name, new("Created At", "date", (tree, _) => tree.Text("metadata", "creationTimestamp"))],
        _ => [Name, Age],
    };

    /// <summary>A timestamp as kubectl shows ages: "42s", "3m10s", "5h2m", "2d3h".</summary>
    public static string? Since(string? timestamp, DateTimeOffset now)
    {
        if (!DateTimeOffset.TryParse(timestamp, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal,
            out var then)) return null;
        var age = now - then;
        static string Two(long high, string unit, long low, string lower) =>
            low == 0 ? $"{high}{unit}" : $"{high}{unit}{low}{lower}";
        return age switch
        {
            { TotalSeconds: < -1 } => "<invalid>",
            { TotalSeconds: < 0 } => "0s",
            { TotalMinutes: < 2 } => $"{(long)age.TotalSeconds}s",
            { TotalMinutes: < 10 } => Two(age.Minutes, "m", age.Seconds, "s"),
            { TotalHours: < 3 } => $"{(long)age.TotalMinutes}m",
            { TotalHours: < 8 } => Two(age.Hours, "h", age.Minutes, "m"),
            { TotalDays: < 2 } => $"{(long)age.TotalHours}h",
            { TotalDays: < 8 } => Two(age.Days, "d", age.Hours, "h"),
            _ => $"{age.Days}d",
        };
    }

    private static IEnumerable<Column> Template =>
    [
        Text("Containers", tree => Joined(Containers(tree).Select(one => one.Text("name") ?? "")), Wide),
        Text("Images", tree => Joined(Containers(tree).Select(one => one.Text("image") ?? "")), Wide),
        Text("Selector", tree => Pairs(tree.At("spec", "selector", "matchLabels")), Wide),
    ];

    private static IEnumerable<JsonObject> Containers(JsonObject tree) =>
        tree.Objects("spec", "template", "spec", "containers");

    private static Column Text(string name, Func<JsonObject, JsonNode?> cell, int priority = 0) =>
        new(name, "string", (tree, _) => cell(tree)) { Priority = priority };

    private static Column Whole(string name, string part, string field) =>
        new(name, "integer", (tree, _) => Count(tree, part, field));

    private static long Count(JsonObject tree, string part, string field) => tree.Number(part, field) ?? 0;

    private static int Length(JsonObject tree, string field) => tree.Fields(field).Count();

    private static string Joined(IEnumerable<string> values, string none = "<none>") =>
        string.Join(',', values) is { Length: > 0 } text ? text : none;

    private static string Pairs(JsonNode? labels) =>
        Joined(labels.Fields().Select(field => $"{field.Name}={field.Value.Text()}"));

    private static string ServicePort(JsonObject port) =>
        $"{port["port"].ToCompact()}{(port["nodePort"] is { } node ? $":{node.ToCompact()}" : "")}/{port.Text("protocol")}";

    private static string? LastSeen(JsonObject tree) => tree.Text("series", "lastObservedTime")
        ?? tree.Text("lastTimestamp") ?? tree.Text("eventTime") ?? tree.Text("firstTimestamp");

    private static JsonNode? Gates(JsonObject tree)
    {
        var gates = tree.Objects("spec", "readinessGates").Select(gate => gate.Text("conditionType")).ToArray();
        var met = gates.Count(gate =>
            tree.Objects("status", "conditions").Any(one => one.Text("type") == gate && one.Text("status") == "True"));
        return gates.Length == 0 ? "<none>" : $"{met}/{gates.Length}";
    }

    private static JsonNode? NodeStatus(JsonObject tree)
    {
        var ready = tree.Objects("status", "conditions").FirstOrDefault(one => one.Text("type") == "Ready");
        var text = ready is null ? "Unknown" : ready.Text("status") == "True" ? "Ready" : "NotReady";
        return tree.Flag("spec", "unschedulable") ? $"{text},SchedulingDisabled" : text;
    }
}
