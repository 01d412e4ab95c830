using System.Text.Json;
using System.Text.Json.Nodes;
using ModuleController.Dev.Controllers;

namespace ModuleController.Dev.Load.Clusters;

/// <summary>The base Deployment. Its template is JSON, because our types lack the fields that only a kubelet reads.</summary>
internal static class BaseManifest
{
    public const string Name = "base";
    public const string NodeLabel = "modulecontroller-load";

    public static ClusterDeployment Of(string ns, int replicas, Uri controller)
    {
        var template = new JsonObject
        {
            ["metadata"] = new JsonObject { ["labels"] = new JsonObject { ["app"] = Name } },
            ["spec"] = new JsonObject
            {
                ["terminationGracePeriodSeconds"] = 1,
                ["nodeSelector"] = new JsonObject { [NodeLabel] = ns },
                ["initContainers"] = new JsonArray(new JsonObject
                {
                    ["name"] = "agent",
                    ["image"] = LoadBases.AgentImage,
                    ["restartPolicy"] = "Always",
                    ["env"] = new JsonArray(
                        Env("CONTROLLER_ADDRESS", controller.GetLeftPart(UriPartial.Authority)),
                        Field("POD_NAMESPACE", "metadata.namespace"),
                        Field("POD_NAME", "metadata.name"), Field("POD_UID", "metadata.uid"), Field("ARKLET_HOST", "status.podIP"),
                        Env("ARKLET_PORT", "1238"), Env("STATE_DIR", "/var/lib/modulecontroller")),
                    ["volumeMounts"] = Mounts(),
                }),
                ["containers"] = new JsonArray(new JsonObject
                {
                    ["name"] = "base",
                    ["image"] = LoadBases.BaseImage,
                    ["volumeMounts"] = Mounts(),
                }),
                ["volumes"] = new JsonArray(new JsonObject { ["name"] = "state", ["emptyDir"] = new JsonObject() }),
            },
        };
        return new()
        {
            Metadata = new() { Name = Name, Namespace = ns },
            Spec = new()
            {
                Replicas = replicas,
                Selector = new() { MatchLabels = new Dictionary<string, string> { ["app"] = Name } },
                Template = JsonSerializer.SerializeToElement(template),
            },
        };
    }

    private static JsonArray Mounts() => new(new JsonObject { ["name"] = "state", ["mountPath"] = "/var/lib/modulecontroller" });

    private static JsonObject Env(string name, string value) => new() { ["name"] = name, ["value"] = value };

    private static JsonObject Field(string name, string path) => new()
    {
        ["name"] = name,
        ["valueFrom"] = new JsonObject { ["fieldRef"] = new JsonObject { ["fieldPath"] = path } },
    };
}
