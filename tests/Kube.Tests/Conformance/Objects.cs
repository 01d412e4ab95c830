using System.Text.Json.Nodes;

namespace ModuleController.Kube.Tests.Conformance;

/// <summary>The objects that the conformance tests create.</summary>
public static class Objects
{
    public const string DefinitionsPath = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

    public const string WidgetSchema = """
        {"type": "object", "required": ["spec"], "properties": {
          "spec": {"type": "object", "required": ["size"],
            "x-kubernetes-validations": [
              {"rule": "!has(oldSelf.once) || (has(self.once) && self.once == oldSelf.once)", "message": "once is set once"}], "properties": {
            "once": {"type": "string", "maxLength": 8},
            "size": {"type": "integer", "minimum": 1, "maximum": 10},
            "mode": {"type": "string", "enum": ["fast", "slow"], "default": "slow"},
            "name": {"type": "string", "pattern": "^[a-z]+$", "maxLength": 8},
            "home": {"type": "string", "maxLength": 64, "x-kubernetes-validations": [{"rule": "self == oldSelf", "message": "home cannot be changed"}]},
            "replicas": {"type": "integer"},
            "limit": {"x-kubernetes-int-or-string": true},
            "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
            "template": {"type": "object", "properties": {"metadata": {"type": "object"}, "color": {"type": "string"}}},
            "parts": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["id"], "items":
              {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}, "weight": {"type": "integer", "default": 1}}}}
          }},
          "status": {"type": "object", "properties": {"phase": {"type": "string"}, "replicas": {"type": "integer"}, "selector": {"type": "string"}}}
        }}
        """;

    public static JsonNode Definition(string plural, string kind, string schema) => JsonNode.Parse($$$$$"""
        {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "{{{{{plural}}}}}.{{{{{ConformanceCluster.Group}}}}}"},
         "spec": {"group": "{{{{{ConformanceCluster.Group}}}}}", "scope": "Namespaced",
          "names": {"plural": "{{{{{plural}}}}}", "kind": "{{{{{kind}}}}}", "shortNames": ["{{{{{plural}}}}}x"]},
          "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {{{{{schema}}}}}},
           "subresources": {"status": {}, "scale": {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas", "labelSelectorPath": ".status.selector"}},
           "additionalPrinterColumns": [
            {"name": "Size", "type": "integer", "jsonPath": ".spec.size"},
            {"name": "Heavy", "type": "integer", "jsonPath": ".spec.parts[?(@.id==\"heavy\")].weight"},
            {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}]}]}}
        """)!;

    public static JsonNode ConfigMap(string name, string labels = "{}") =>
        JsonNode.Parse($$$$$"""{"metadata": {"name": "{{{{{name}}}}}", "labels": {{{{{labels}}}}}}, "data": {"a": "1"} }""")!;

    public static JsonNode Widget(string name, string spec = """{"size": 3}""") =>
        JsonNode.Parse($$$$$"""{"apiVersion": "{{{{{ConformanceCluster.Group}}}}}/v1", "kind": "Widget", "metadata": {"name": "{{{{{name}}}}}"}, "spec": {{{{{spec}}}}}}""")!;

    /// <summary>A pod that no scheduler takes care of, so that it is where the test puts it.</summary>
    public static JsonNode Pod(string name, string extra = "") => JsonNode.Parse($$$$$"""
        {"metadata": {"name": "{{{{{name}}}}}", "labels": {"app": "{{{{{name}}}}}"}},
         "spec": {{{{{{extra}}}}} "schedulerName": "nobody", "containers": [{"name": "main", "image": "registry.example/none:1"}]}}
        """)!;

    public static JsonNode Deployment(string name) => JsonNode.Parse($$$$$"""
        {"metadata": {"name": "{{{{{name}}}}}"}, "spec": {"paused": true, "replicas": 0, "selector": {"matchLabels": {"app": "{{{{{name}}}}}"}},
         "template": {"metadata": {"labels": {"app": "{{{{{name}}}}}"}}, "spec": {"containers": [
          {"name": "main", "image": "registry.example/none:1", "env": [{"name": "A", "value": "1"}]}, {"name": "side", "image": "registry.example/side:1"}]}}}}
        """)!;

    public static JsonNode Preconditions(string uid) => JsonNode.Parse($$$$$"""{"preconditions": {"uid": "{{{{{uid}}}}}"}}""")!;
}
