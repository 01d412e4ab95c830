using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using ModuleController.Core.Injection;
using ModuleController.SystemTests.Harness;

namespace ModuleController.SystemTests.Admission;

/// <summary>A world whose controller answers webhooks, with certificates of its own.</summary>
internal static class WebhookWorld
{
    public static Dictionary<string, string> Requested => new() { [InjectionKeys.Inject] = "true" };

    public static Task<World> StartAsync(Action<World>? configure = null) => World.StartAsync(world =>
    {
        // Nothing is injected in the controller's own namespace.
        (world.Namespace, world.LeaseNamespace) = ("shop", "default");
        world.ConfigureController = options =>
        {
            var port = FreePort();
            return options with
            {
                Bind = IPAddress.Loopback,
                GrpcPort = port,
                IsTlsAutomatic = true,
                TlsNames = ["localhost"],
                WebhookPort = 0,
                AgentImage = SimulatedImages.Agent,
                AgentController = new($"https://localhost:{port}"),
                Agents = new(),
            };
        };
        configure?.Invoke(world);
    });

    /// <summary>The webhooks of deploy/controller, when the leader has written their authorities.</summary>
    public static async Task<WebhookObjects> WebhooksAsync(World world, string? excepted = null, bool authorizeVerbs = false)
    {
        var webhooks = await WebhookObjects.CreateAsync(
            world.Kubeconfig, world.Controller!.WebhookAddress!, world.Controller.LeaseNamespace, excepted, authorizeVerbs);
        await Eventually.True(async () => (await webhooks.BundlesAsync()).All(bundle => bundle is not null));
        return webhooks;
    }

    /// <summary>A base whose pods get the agent from a webhook. Returns when they are Ready.</summary>
    /// <param name="change">What its pods run, if not a simulated base.</param>
    public static async Task BaseAsync(World world, int replicas, TimeSpan? within = null, Action<JsonObject>? change = null) =>
        await world.BaseAsync("base", replicas, Requested, template =>
        {
            Strip(template);
            change?.Invoke(template);
        }, within);

    /// <summary>What is left is a Deployment as a user has it before there is a controller.</summary>
    public static void Strip(JsonObject template)
    {
        var spec = template["spec"]!.AsObject();
        spec.Remove("initContainers");
        spec.Remove("volumes");
        spec["containers"]![0]!.AsObject().Remove("volumeMounts");
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
