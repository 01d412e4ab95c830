using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace ModuleController.Core.Injection;

/// <summary>The agent's container: a native sidecar that starts before the base and ends after it.</summary>
internal static class AgentContainer
{
    /// <summary>The user of the agent's image.</summary>
    private const int ImageUser = 1654;

    /// <summary>Directories with certificates that .NET trusts, beside those of the image.</summary>
    private const string SystemCertificates = "/etc/ssl/certs";

    /// <summary>Every agent has these, so they distinguish it from another container of its name.</summary>
    public static IReadOnlyList<string> RequiredVariables { get; } = ["CONTROLLER_ADDRESS", "POD_UID"];

    public static JsonObject Of(JsonObject podSpec, AgentRequest request, InjectionOptions options) => new()
    {
        ["name"] = AgentPaths.Container,
        ["image"] = request.Image,
        ["restartPolicy"] = "Always",
        ["env"] = new JsonArray([.. Environment(request, options)]),
        // Without a startup probe, which would delay the containers that follow. This one fails while Arklet does not answer.
        ["readinessProbe"] = new JsonObject
        {
            ["exec"] = new JsonObject { ["command"] = new JsonArray("/agent", "ready") },
            ["periodSeconds"] = 2,
            ["timeoutSeconds"] = 2,
            ["failureThreshold"] = 1,
        },
        ["resources"] = new JsonObject
        {
            ["requests"] = new JsonObject { ["cpu"] = request.Resources.CpuRequest, ["memory"] = request.Resources.MemoryRequest },
            ["limits"] = new JsonObject { ["cpu"] = request.Resources.CpuLimit, ["memory"] = request.Resources.MemoryLimit },
        },
        ["securityContext"] = SecurityContext(podSpec),
        ["volumeMounts"] = new JsonArray([.. Mounts(request)]),
    };

    private static IEnumerable<JsonNode> Environment(AgentRequest request, InjectionOptions options)
    {
        yield return Field("POD_NAME", "metadata.name");
        yield return Field("POD_NAMESPACE", "metadata.namespace");
        yield return Field("POD_UID", "metadata.uid");
        yield return Value("CONTROLLER_ADDRESS", options.Controller.GetLeftPart(UriPartial.Authority));
        yield return Value("ARKLET_PORT", request.ArkletPort.ToString(CultureInfo.InvariantCulture));
        yield return Value("STATE_DIR", AgentPaths.State);
        yield return Value("TOKEN_FILE", $"{AgentPaths.Token}/{AgentVolumes.TokenFile}");
        yield return Value("CA_FILE", $"{AgentPaths.Ca}/{AgentVolumes.CaFile}");
        if (request.ArtifactCa is not null) yield return Value("SSL_CERT_DIR", $"{SystemCertificates}:{AgentPaths.ArtifactCa}");
        if (request.ArtifactCredentials is not null)
            yield return Value("ARTIFACT_CREDENTIALS", $"{AgentPaths.ArtifactCredentials}/{AgentVolumes.CredentialsFile}");
        if (request.ArtifactProxy is not { } proxy) yield break;
        yield return Value("HTTP_PROXY", proxy);
        yield return Value("HTTPS_PROXY", proxy);
    }

    /// <summary>Complies with the profile <c>restricted</c> whatever the pod sets.</summary>
    private static JsonObject SecurityContext(JsonObject podSpec)
    {
        var context = new JsonObject
        {
            ["allowPrivilegeEscalation"] = false,
            ["readOnlyRootFilesystem"] = true,
            ["runAsNonRoot"] = true,
            ["capabilities"] = new JsonObject { ["drop"] = new JsonArray("ALL") },
            ["seccompProfile"] = new JsonObject { ["type"] = "RuntimeDefault" },
        };
        // Inherited from the pod, user 0 would prevent the start of a container that must not be root. Any other user is inherited:
        // a cluster may assign the users of a namespace.
        if (podSpec.Child("securityContext")?["runAsUser"] is { } user && user.GetValueKind() == JsonValueKind.Number
            && user.ToJsonString() == "0")
        {
            context["runAsUser"] = ImageUser;
        }

        return context;
    }

    private static IEnumerable<JsonNode> Mounts(AgentRequest request)
    {
        yield return new JsonObject { ["name"] = AgentPaths.StateVolume, ["mountPath"] = AgentPaths.State };
        yield return ReadOnly(AgentPaths.TokenVolume, AgentPaths.Token);
        yield return ReadOnly(AgentPaths.CaVolume, AgentPaths.Ca);
        yield return new JsonObject { ["name"] = AgentPaths.TemporaryVolume, ["mountPath"] = "/tmp" };
        if (request.ArtifactCa is not null) yield return ReadOnly(AgentPaths.ArtifactCaVolume, AgentPaths.ArtifactCa);
        if (request.ArtifactCredentials is not null)
            yield return ReadOnly(AgentPaths.ArtifactCredentialsVolume, AgentPaths.ArtifactCredentials);
    }

    public static JsonObject ReadOnly(string volume, string path) =>
        new() { ["name"] = volume, ["mountPath"] = path, ["readOnly"] = true };

    private static JsonObject Value(string name, string value) => new() { ["name"] = name, ["value"] = value };

    private static JsonObject Field(string name, string path) => new()
    {
        ["name"] = name,
        ["valueFrom"] = new JsonObject { ["fieldRef"] = new JsonObject { ["fieldPath"] = path } },
    };
}
