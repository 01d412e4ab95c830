using System.Collections.Concurrent;
using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using k8s;
using k8s.Models;
using Microsoft.Extensions.Logging;
using ModuleController.ControlPlane;
using ModuleController.ControlPlane.Agents;
using ModuleController.ControlPlane.Settings;
using ModuleController.Core.Agents;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Dev.ApiServer;
using ModuleController.Dev.ApiServer.Storage;
using ModuleController.Kube.Client;
using ModuleController.SystemTests.Harness;

namespace ModuleController.SystemTests.Gateway;

/// <summary>A cluster with our kinds and controllers without reconcilers: what agents meet. Fails on logged errors.</summary>
internal sealed class GatewayRig : IAsyncDisposable
{
    private ApiServerHost _cluster;
    private readonly HttpClient _http;
    private readonly string _kubeconfig = Path.Combine(Path.GetTempPath(), $"gateway-{Guid.NewGuid():N}.yaml");
    private readonly List<ControlPlaneHost> _controllers = [];
    private ControllerAccount? _account;
    private string? _replicaSetUid;
    private readonly List<AgentStream> _streams = [];

    private GatewayRig(ApiServerHost cluster)
    {
        _cluster = cluster;
        _http = cluster.CreateClient();
        Client = new KubeClient(Transport.To(cluster.ServerUri, cluster.AdminToken), new ResourceJson(ModulesJson.Default));
    }

    /// <summary>So patient that whatever ends a stream is what a test did, and never a machine that stood still for some seconds.</summary>
    public static AgentOptions Patient { get; } = new()
    {
        AllowInsecure = true,
        PodTimeout = TimeSpan.FromMinutes(5),
        HelloTimeout = TimeSpan.FromMinutes(5),
        HeartbeatInterval = TimeSpan.FromMinutes(1),
    };

    public KubeClient Client { get; }

    /// <summary>That of the controller's own ServiceAccount.</summary>
    public string Kubeconfig => _kubeconfig;

    public ConcurrentQueue<string> Log { get; } = new();

    /// <summary>The one that was started last.</summary>
    public ControlPlaneHost Controller => _controllers[^1];

    public static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static ObjectKey Pod(string name) => new("default", name);

    public static async Task<GatewayRig> StartAsync()
    {
        var rig = new GatewayRig(await ApiServerHost.StartAsync(new(), Cancellation));
        await rig._cluster.WriteKubeconfigAsync(rig._kubeconfig, Cancellation);
        rig._account = await ControllerAccount.CreateAsync(rig._kubeconfig, "default", Cancellation);
        await rig._account.WriteKubeconfigAsync(rig._kubeconfig, Cancellation);
        foreach (var file in Directory.GetFiles(Path.Combine(RepositoryRoot(), "deploy", "crds"), "module*.yaml"))
        {
            var definition = KubernetesYaml.Deserialize<V1CustomResourceDefinition>(await File.ReadAllTextAsync(file, Cancellation));
            await rig.PostAsync("/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
                JsonNode.Parse(KubernetesJson.Serialize(definition))!);
        }

        await rig.PostAsync("/api/v1/namespaces/default/serviceaccounts",
            new JsonObject { ["metadata"] = new JsonObject { ["name"] = "agent" } });
        return rig;
    }

    /// <summary>A controller that listens; leading comes later.</summary>
    /// <param name="time">Its clock; a test that owns it decides when anything is overdue.</param>
    public async Task<ControlPlaneHost> StartControllerAsync(
        AgentOptions? agents = null, Func<ControlPlaneOptions, ControlPlaneOptions>? change = null, TimeProvider? time = null)
    {
        var options = new ControlPlaneOptions
        {
            Kubeconfig = _kubeconfig,
            Bind = IPAddress.Loopback,
            HttpPort = 0,
            GrpcPort = 0,
            // Released or taken away by a test, but never lost to a machine that is busy.
            LeaseDuration = TimeSpan.FromHours(2),
            LeaseRenew = TimeSpan.FromHours(1),
            LeaseRetry = TimeSpan.FromSeconds(0.1),
            SuccessorWait = TimeSpan.Zero,
            Agents = agents ?? Patient,
        };
        var controller = await ControlPlaneHost.StartAsync(
            change is null ? options : change(options),
            new()
            {
                Time = time ?? TimeProvider.System,
                Logging = logging => logging.SetMinimumLevel(LogLevel.Information).AddProvider(new QueueLogger(Log)),
                Reconcilers = (_, _) => { },
            },
            Cancellation);
        _controllers.Add(controller);
        return controller;
    }

    public async Task<ControlPlaneHost> StartLeaderAsync(
        AgentOptions? agents = null, Func<ControlPlaneOptions, ControlPlaneOptions>? change = null, TimeProvider? time = null)
    {
        var controller = await StartControllerAsync(agents, change, time);
        await Eventually.True(() => controller.IsLeading, () => string.Join('\n', Log));
        return controller;
    }

    /// <summary>The new pod's UID.</summary>
    public async Task<string> CreatePodAsync(string name, string? replicaSetUid = null)
    {
        var owner = new JsonObject
        {
            ["apiVersion"] = "apps/v1",
            ["kind"] = "ReplicaSet",
            ["name"] = "base-rs",
            ["uid"] = replicaSetUid,
            ["controller"] = true
        };
        var pod = await PostAsync("/api/v1/namespaces/default/pods", new JsonObject
        {
            ["metadata"] = new JsonObject { ["name"] = name, ["ownerReferences"] = replicaSetUid is null ? [] : new JsonArray(owner) },
            ["spec"] = new JsonObject
            {
                ["serviceAccountName"] = "agent",
                ["containers"] = new JsonArray(new JsonObject { ["name"] = "base", ["image"] = "base" })
            },
        });
        return pod["metadata"]!["uid"]!.GetValue<string>();
    }

    /// <summary>The new pod's UID; it is of a base that a ModuleDeployment names, as far as this controller knows.</summary>
    public async Task<string> CreateBasePodAsync(ControlPlaneHost controller, string name)
    {
        if (_replicaSetUid is null) await CreateModuleDeploymentAsync();
        var uid = await CreateDeploymentPodAsync(name);
        await IsBasePodAsync(controller, name);
        return uid;
    }

    /// <summary>The UID of a pod of the Deployment <c>base</c>, whose ReplicaSet exists.</summary>
    public async Task<string> CreateDeploymentPodAsync(string name)
    {
        if (_replicaSetUid is null)
        {
            var made = await PostAsync("/apis/apps/v1/namespaces/default/replicasets", JsonNode.Parse("""
                {"metadata":{"name":"base-rs","ownerReferences":[{"apiVersion":"apps/v1","kind":"Deployment","name":"base","uid":"base-uid","controller":true}]},
                 "spec":{"replicas":0,"selector":{"matchLabels":{"app":"base"}},
                  "template":{"metadata":{"labels":{"app":"base"}},"spec":{"containers":[{"name":"base","image":"base"}]}}}}
                """)!);
            _replicaSetUid = made["metadata"]!["uid"]!.GetValue<string>();
        }

        return await CreatePodAsync(name, _replicaSetUid);
    }

    /// <summary>One that names the base.</summary>
    public Task CreateModuleDeploymentAsync() => PostAsync("/apis/koupleless.io/v1alpha1/namespaces/default/moduledeployments", JsonNode.Parse("""
        {"apiVersion":"koupleless.io/v1alpha1","kind":"ModuleDeployment","metadata":{"name":"orders"},
         "spec":{"baseDeploymentName":"base","template":{"spec":{"module":{"name":"orders","version":"1.0.0","url":"http://repository/orders.jar"}}}}}
        """)!);

    public static Task IsBasePodAsync(ControlPlaneHost controller, string name) => Eventually.True(
        () => controller.Caches.Pods.Get(Pod(name)) is { } pod && ControlPlane.Observing.BasePods.IsBasePod(controller.Caches, pod));

    public Task CreateModuleAsync(string name, string podUid) =>
        PostAsync("/apis/koupleless.io/v1alpha1/namespaces/default/modules", new JsonObject
        {
            ["apiVersion"] = "koupleless.io/v1alpha1",
            ["kind"] = "Module",
            ["metadata"] = new JsonObject { ["name"] = name },
            ["spec"] = new JsonObject
            {
                ["module"] = new JsonObject { ["name"] = "orders", ["version"] = "1.0.0", ["url"] = "http://repository/orders-1.0.0.jar" },
                ["podName"] = "base-0",
                ["podUid"] = podUid,
            },
        });

    /// <summary>A token of the pod's service account, as the kubelet would project it.</summary>
    public async Task<string> TokenAsync(string? pod, string? uid, string audience = "modulecontroller", int seconds = 3600)
    {
        var spec = new JsonObject { ["audiences"] = new JsonArray(audience), ["expirationSeconds"] = seconds };
        if (pod is not null) spec["boundObjectRef"] = new JsonObject
        {
            ["kind"] = "Pod",
            ["apiVersion"] = "v1",
            ["name"] = pod,
            ["uid"] = uid
        };
        var answer = await PostAsync("/api/v1/namespaces/default/serviceaccounts/agent/token", new JsonObject { ["spec"] = spec });
        return answer["status"]!["token"]!.GetValue<string>();
    }

    public long Requests(string verb, string resource) =>
        _cluster.Counters.Snapshot().Where(entry => entry.Key.Verb == verb && entry.Key.Resource == resource).Sum(entry => entry.Value);

    public Dev.ApiServer.Requests.Faults Faults => _cluster.Faults;

    /// <summary>Those that sign ServiceAccount tokens.</summary>
    public TokenKeys TokenKeys => _cluster.Log.TokenKeys;

    public ValueTask StopApiServerAsync() => _cluster.DisposeAsync();

    /// <summary>At the address and with the objects of the one that was stopped.</summary>
    public async Task RestartApiServerAsync() => _cluster = await ApiServerHost.StartAsync(
        new() { Port = _cluster.ServerUri.Port, Log = _cluster.Log, AccessLog = _cluster.AccessLog }, Cancellation);

    /// <summary>The pod's containers have ended for ever.</summary>
    public async Task FinishPodAsync(string name, string phase)
    {
        using var content = new StringContent(
            new JsonObject { ["status"] = new JsonObject { ["phase"] = phase } }.ToJsonString(), Encoding.UTF8, "application/merge-patch+json");
        using var response = await _http.PatchAsync(
            new Uri($"/api/v1/namespaces/default/pods/{name}/status", UriKind.Relative), content, Cancellation);
        Assert.True(response.IsSuccessStatusCode);
    }

    public Task DeletePodAsync(string name) => DeleteAsync($"pods/{name}?gracePeriodSeconds=0");

    /// <summary>That of the pods.</summary>
    public Task DeleteAccountAsync() => DeleteAsync("serviceaccounts/agent");

    public AgentStream Connect(ControlPlaneHost controller, string? token = null, HttpMessageHandler? handler = null)
    {
        var stream = new AgentStream(controller.AgentAddress, token, handler);
        _streams.Add(stream);
        return stream;
    }

    /// <summary>An agent whose pod exists and whose full snapshot has arrived.</summary>
    public async Task<(AgentStream Stream, string Uid)> ConnectedAsync(ControlPlaneHost controller, string pod)
    {
        var uid = await CreatePodAsync(pod);
        var stream = Connect(controller);
        await stream.GreetAsync(pod, uid);
        await stream.SayAsync(Messages.Snapshot(1));
        await Eventually.True(() => controller.Agents.Find(Pod(pod), uid)?.IsConnected == true, () => string.Join('\n', Log));
        return (stream, uid);
    }

    /// <summary>Until the view says so; fails with the view.</summary>
    public static Task SeenAsync(ControlPlaneHost controller, string pod, string uid, Func<BaseView?, bool> condition, string what) =>
        Eventually.True(() => condition(controller.Agents.Find(Pod(pod), uid)), () => controller.Agents.Find(Pod(pod), uid)?.ToString()
            ?? "no view", what: what);

    public async ValueTask DisposeAsync()
    {
        foreach (var stream in _streams) stream.Dispose();
        foreach (var controller in _controllers) await controller.DisposeAsync();
        Client.Dispose();
        _http.Dispose();
        if (_account is not null)
        {
            await _account.DisposeAsync();
            Assert.Empty(ControllerUsage.Add(_account.User, _cluster.AccessLog));
        }

        await _cluster.DisposeAsync();
        File.Delete(_kubeconfig);
        var error = Log.FirstOrDefault(line => line.StartsWith("Error", StringComparison.Ordinal)
            || line.StartsWith("Critical", StringComparison.Ordinal));
        Assert.True(error is null, error);
    }

    public async Task<JsonNode> PostAsync(string path, JsonNode body)
    {
        using var content = new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json");
        using var response = await _http.PostAsync(new Uri(path, UriKind.Relative), content, Cancellation);
        var text = await response.Content.ReadAsStringAsync(Cancellation);
        Assert.True(response.IsSuccessStatusCode, $"POST {path}: {text}");
        return JsonNode.Parse(text)!;
    }

    private async Task DeleteAsync(string path)
    {
        using var response = await _http.DeleteAsync(new Uri($"/api/v1/namespaces/default/{path}", UriKind.Relative), Cancellation);
        Assert.True(response.IsSuccessStatusCode);
    }

    private static string RepositoryRoot()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "ModuleController.sln"))) folder = Path.GetDirectoryName(folder)!;
        return folder;
    }
}
