using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json.Nodes;
using ModuleController.Core.Agents;
using ModuleController.Core.Injection;
using ModuleController.SystemTests.Gateway;

namespace ModuleController.SystemTests.Injection;

/// <summary>The real agent with the settings of an injected container.</summary>
public sealed class InjectedAgentTests
{
    /// <summary>What .NET reads and the agent does not.</summary>
    private static readonly string[] VariablesOfRuntime = ["SSL_CERT_DIR"];

    [Fact]
    public void The_agent_knows_every_variable_and_accepts_its_value()
    {
        var variables = Variables(
            new(), (InjectionKeys.ArtifactCa, "company"), (InjectionKeys.ArtifactCredentials, "nexus"),
            (InjectionKeys.ArtifactProxy, "http://proxy:3128"));

        var (options, errors) = Agent.AgentOptions.Parse([], name => variables.GetValueOrDefault(name));

        Assert.Empty(errors);
        Assert.Equal(new("https://modulecontroller.modulecontroller-system.svc:8443"), options.Controller);
        Assert.Equal("/var/run/modulecontroller/ca/ca.crt", options.CaFile);
        Assert.Equal("/var/run/modulecontroller/artifact-credentials/netrc", options.ArtifactCredentials);
        Assert.All(variables.Keys.Except(VariablesOfRuntime),
            name => Assert.Contains(name, Agent.AgentOptions.Usage, StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_agent_starts_waits_for_the_authority_and_connects_when_the_file_appears()
    {
        var folder = Directory.CreateTempSubdirectory("injected-agent-").FullName;
        await using var rig = await GatewayRig.StartAsync();
        var (certificate, key) = RealAgentTests.WriteCertificate(folder);
        var controller = await rig.StartLeaderAsync(
            GatewayRig.Patient with { AllowInsecure = false }, options => options with { TlsCertificate = certificate, TlsKey = key });
        var uid = await rig.CreatePodAsync("base-0");
        var variables = Variables(new() { Controller = controller.AgentAddress }, (InjectionKeys.ArkletPort, "1"));
        var token = Below(folder, variables["TOKEN_FILE"]);
        Directory.CreateDirectory(Path.GetDirectoryName(token)!);
        await File.WriteAllTextAsync(token, await rig.TokenAsync("base-0", uid), GatewayRig.Cancellation);

        var start = new ProcessStartInfo("dotnet", [RealAgentTests.AgentAssembly]) { RedirectStandardOutput = true };
        foreach (var (name, value) in variables) start.Environment[name] = value.StartsWith('/') ? Below(folder, value) : value;
        (start.Environment["POD_NAMESPACE"], start.Environment["POD_NAME"], start.Environment["POD_UID"]) = ("default", "base-0", uid);
        Directory.CreateDirectory(start.Environment["STATE_DIR"]!);
        using var agent = Process.Start(start)!;
        var log = new ConcurrentQueue<string>();
        agent.OutputDataReceived += (_, line) => log.Enqueue(line.Data ?? "");
        agent.BeginOutputReadLine();
        try
        {
            await Eventually.True(() => log.Any(line => line.Contains("ca.crt", StringComparison.Ordinal)), () => string.Join('\n', log));
            var ca = start.Environment["CA_FILE"]!;
            Directory.CreateDirectory(Path.GetDirectoryName(ca)!);
            File.Copy(certificate, ca);

            await GatewayRig.SeenAsync(
                controller, "base-0", uid, view => view is { IsConnected: true, State: BaseState.Down, ArkletPort: 1 },
                "the agent is connected");
        }
        finally
        {
            agent.Kill();
            await agent.WaitForExitAsync(CancellationToken.None);
            Directory.Delete(folder, recursive: true);
        }
    }

    private static string Below(string folder, string path) => Path.Combine(folder, path.TrimStart('/'));

    /// <summary>Fields of the pod have their paths as values.</summary>
    private static Dictionary<string, string> Variables(InjectionOptions options, params (string Name, string Value)[] annotations)
    {
        var pod = new JsonObject
        {
            ["metadata"] = new JsonObject
            {
                ["annotations"] = new JsonObject(annotations.Select(item => KeyValuePair.Create(item.Name, (JsonNode?)item.Value))),
            },
            ["spec"] = new JsonObject { ["containers"] = new JsonArray(new JsonObject { ["name"] = "base" }) },
        };
        var result = PodInjector.InjectTemplate(pod, options);
        Assert.Empty(result.Problems);
        return result.Pod["spec"]!["initContainers"]![0]!["env"]!.AsArray().ToDictionary(
            variable => (string)variable!["name"]!,
            variable => (string?)variable!["value"] ?? (string)variable["valueFrom"]!["fieldRef"]!["fieldPath"]!);
    }
}
