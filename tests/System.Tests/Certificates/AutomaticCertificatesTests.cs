using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Grpc.Core;
using ModuleController.ControlPlane;
using ModuleController.ControlPlane.Certificates;
using ModuleController.ControlPlane.Settings;
using ModuleController.Core.Builtin;
using ModuleController.Core.Builtin.Configuration;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Kube.Client;
using ModuleController.SystemTests.Gateway;
using ModuleController.SystemTests.Harness;

namespace ModuleController.SystemTests.Certificates;

/// <summary>Without any setting: the leader makes the certificates, and agents trust them.</summary>
public sealed class AutomaticCertificatesTests
{
    private const string Host = "modulecontroller.default.svc";
    private static readonly ObjectKey SecretKey = new("default", CertificateSource.OwnSecret);
    private static readonly ObjectKey ConfigMapKey = new("default", "modulecontroller-ca");
    private static readonly ObjectKey Orders = new("default", "orders");

    private static CancellationToken Cancellation => GatewayRig.Cancellation;

    [Fact]
    public async Task On_the_first_start_nothing_has_to_exist_and_agents_trust_what_is_served()
    {
        await using var rig = await GatewayRig.StartAsync();
        var leader = await StartAsync(rig);
        await ReadyAsync(leader);
        var uid = await rig.CreatePodAsync("base-0");
        Assert.Null(await rig.Client.FindAsync<ConfigMap>(ConfigMapKey, Cancellation));

        await rig.CreateModuleDeploymentAsync();
        var bundle = await BundleAsync(rig);
        await Connect(rig, leader, bundle).GreetAsync("base-0", uid);
        var secret = await rig.Client.GetAsync<Secret>(SecretKey, Cancellation);
        Assert.Equal(["ca.crt", "ca.key", "tls.crt", "tls.key"], secret.Data.Keys.Order(StringComparer.Ordinal));
        Assert.DoesNotContain("PRIVATE", bundle, StringComparison.Ordinal);

        var standby = await rig.StartControllerAsync(change: Automatic);
        await ReadyAsync(standby);
        var stream = Connect(rig, standby, bundle);
        await stream.SayAsync(Messages.Hello("base-0", uid));
        Assert.Equal(StatusCode.Unavailable, (await stream.EndedAsync()).StatusCode);
    }

    [Fact]
    public async Task A_namespace_has_the_authorities_as_long_as_it_has_a_base()
    {
        await using var rig = await GatewayRig.StartAsync();
        await StartAsync(rig);
        await rig.CreateModuleDeploymentAsync();
        await BundleAsync(rig);

        await rig.Client.DeleteAsync<ModuleDeployment>(Orders, cancellation: Cancellation);
        await Eventually.True(async () => await rig.Client.FindAsync<ConfigMap>(ConfigMapKey, Cancellation) is null);
    }

    [Fact]
    public async Task A_Deployment_whose_pods_request_the_agent_has_the_authorities_before_its_first_pod()
    {
        await using var rig = await GatewayRig.StartAsync();
        await StartAsync(rig);
        var labels = new JsonObject { ["app"] = "base", ["koupleless.io/inject"] = "true" };
        await rig.PostAsync("/apis/apps/v1/namespaces/default/deployments", new JsonObject
        {
            ["metadata"] = new JsonObject { ["name"] = "base" },
            ["spec"] = new JsonObject
            {
                ["replicas"] = 0,
                ["selector"] = new JsonObject { ["matchLabels"] = new JsonObject { ["app"] = "base" } },
                ["template"] = new JsonObject
                {
                    ["metadata"] = new JsonObject { ["labels"] = labels },
                    ["spec"] = new JsonObject { ["containers"] = new JsonArray(new JsonObject { ["name"] = "base", ["image"] = "base" }) },
                },
            },
        });
        await BundleAsync(rig);

        await rig.Client.DeleteAsync<Deployment>(new("default", "base"), cancellation: Cancellation);
        await Eventually.True(async () => await rig.Client.FindAsync<ConfigMap>(ConfigMapKey, Cancellation) is null);
    }

    [Fact]
    public async Task A_ConfigMap_that_was_made_by_hand_gets_the_authorities_and_keeps_its_other_data()
    {
        await using var rig = await GatewayRig.StartAsync();
        await rig.Client.CreateAsync(new ConfigMap
        {
            Metadata = new() { Name = ConfigMapKey.Name, Namespace = ConfigMapKey.Namespace },
            Data = new Dictionary<string, string> { ["ca.crt"] = "by hand", ["other"] = "theirs" },
        }, "test", Cancellation);
        var leader = await StartAsync(rig);
        await ReadyAsync(leader);
        Assert.Equal("by hand", (await rig.Client.GetAsync<ConfigMap>(ConfigMapKey, Cancellation)).Data["ca.crt"]);

        await rig.CreateModuleDeploymentAsync();
        await BundleAsync(rig);
        Assert.Equal("theirs", (await rig.Client.GetAsync<ConfigMap>(ConfigMapKey, Cancellation)).Data["other"]);
    }

    [Fact]
    public async Task A_ConfigMap_that_is_deleted_or_filled_with_garbage_comes_back()
    {
        await using var rig = await GatewayRig.StartAsync();
        await StartAsync(rig);
        await rig.CreateModuleDeploymentAsync();
        var bundle = await BundleAsync(rig);

        await rig.Client.PatchAsync<ConfigMap>(
            ConfigMapKey, new JsonObject { ["data"] = new JsonObject { ["ca.crt"] = "garbage" } }, new("test"), Cancellation);
        Assert.Equal(bundle, await BundleAsync(rig));
        await rig.Client.DeleteAsync<ConfigMap>(ConfigMapKey, cancellation: Cancellation);
        Assert.Equal(bundle, await BundleAsync(rig));
    }

    [Fact]
    public async Task A_Secret_that_is_deleted_or_filled_with_garbage_is_replaced_and_streams_live_on()
    {
        await using var rig = await GatewayRig.StartAsync();
        var leader = await StartAsync(rig);
        await rig.CreateModuleDeploymentAsync();
        var first = await BundleAsync(rig);
        var uid = await rig.CreatePodAsync("base-0");
        var stream = Connect(rig, leader, first);
        await stream.GreetAsync("base-0", uid);

        var garbage = Convert.ToBase64String(Encoding.UTF8.GetBytes("garbage"));
        await rig.Client.PatchAsync<Secret>(
            SecretKey, new JsonObject { ["data"] = new JsonObject { ["tls.crt"] = garbage, ["tls.key"] = garbage } }, new("test"),
            Cancellation);
        await ServedAsync(rig, leader, first);
        Assert.Equal(first, await BundleAsync(rig));

        await rig.Client.DeleteAsync<Secret>(SecretKey, cancellation: Cancellation);
        var second = first;
        await Eventually.True(async () => (second = await BundleAsync(rig)) != first);
        await ServedAsync(rig, leader, second);

        await stream.SayAsync(Messages.Snapshot(1));
        await Eventually.True(() => leader.Agents.Find(GatewayRig.Pod("base-0"), uid) is { IsConnected: true, IsCurrent: true });
    }

    private static ControlPlaneOptions Automatic(ControlPlaneOptions options) => options with { IsTlsAutomatic = true };

    private static Task<ControlPlaneHost> StartAsync(GatewayRig rig) => rig.StartLeaderAsync(change: Automatic);

    private static AgentStream Connect(GatewayRig rig, ControlPlaneHost controller, string bundle) =>
        rig.Connect(controller, handler: TlsHandlers.Trusting(bundle, Host));

    private static Task ReadyAsync(ControlPlaneHost controller) => Eventually.True(async () =>
    {
        using var http = new HttpClient { BaseAddress = controller.HttpAddress };
        using var response = await http.GetAsync(new Uri("/readyz", UriKind.Relative), Cancellation);
        return response.StatusCode == HttpStatusCode.OK;
    });

    /// <summary>What agents of the namespace read.</summary>
    private static async Task<string> BundleAsync(GatewayRig rig)
    {
        var bundle = "";
        await Eventually.True(async () =>
        {
            var found = await rig.Client.FindAsync<ConfigMap>(ConfigMapKey, Cancellation);
            bundle = found?.Data.GetValueOrDefault("ca.crt") ?? "";
            return bundle.StartsWith("-----BEGIN CERTIFICATE-----", StringComparison.Ordinal);
        }, () => Task.FromResult(string.Join('\n', rig.Log)));
        return bundle;
    }

    /// <summary>Until a new agent with this bundle is let in.</summary>
    private static async Task ServedAsync(GatewayRig rig, ControlPlaneHost controller, string bundle)
    {
        var pod = $"other-{Guid.NewGuid():N}";
        var uid = await rig.CreatePodAsync(pod);
        await Eventually.True(async () => await Connect(rig, controller, bundle).GreetAsync(pod, uid) is not null);
    }
}
