using System.Text.Json.Nodes;

namespace ModuleController.Core.Injection;

/// <summary>The volumes of the agent. The base mounts only the first.</summary>
internal static class AgentVolumes
{
    public const string TokenFile = "token";
    public const string CaFile = "ca.crt";
    public const string CredentialsFile = "netrc";

    public static IEnumerable<JsonObject> Of(AgentRequest request, InjectionOptions options)
    {
        // Journal and jars. Exists as long as the pod, also through restarts of either container.
        yield return Empty(AgentPaths.StateVolume, "2Gi");
        yield return Empty(AgentPaths.TemporaryVolume, "64Mi");
        yield return Projected(AgentPaths.TokenVolume, new()
        {
            ["serviceAccountToken"] = new JsonObject
            {
                ["audience"] = options.Audience,
                ["expirationSeconds"] = 3600,
                ["path"] = TokenFile,
            },
        });
        // The pod starts before the ConfigMap exists. The agent waits for the file.
        yield return Projected(AgentPaths.CaVolume, new()
        {
            ["configMap"] = new JsonObject
            {
                ["name"] = options.CaConfigMap,
                ["optional"] = true,
                ["items"] = new JsonArray(new JsonObject { ["key"] = CaFile, ["path"] = CaFile }),
            },
        });
        if (request.ArtifactCa is { } configMap)
        {
            yield return Projected(AgentPaths.ArtifactCaVolume, new()
            {
                ["configMap"] = new JsonObject { ["name"] = configMap, ["optional"] = true },
            });
        }

        if (request.ArtifactCredentials is { } secret)
        {
            yield return Projected(AgentPaths.ArtifactCredentialsVolume, new()
            {
                ["secret"] = new JsonObject { ["name"] = secret, ["optional"] = true },
            });
        }
    }

    private static JsonObject Empty(string name, string limit) =>
        new() { ["name"] = name, ["emptyDir"] = new JsonObject { ["sizeLimit"] = limit } };

    private static JsonObject Projected(string name, JsonObject source) =>
        new() { ["name"] = name, ["projected"] = new JsonObject { ["sources"] = new JsonArray(source) } };
}
