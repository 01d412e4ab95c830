using System.Text;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging.Abstractions;
using ModuleController.ControlPlane.Observing;
using ModuleController.ControlPlane.Reconcilers;
using ModuleController.Core.BasePods.Gates;
using ModuleController.Core.Builtin;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Facts;
using ModuleController.Core.Modules.Names;
using ModuleController.Dev.ApiServer;
using ModuleController.Kube.Caches;
using ModuleController.Kube.Client;
using ModuleController.Kube.Hosting;
using ModuleController.SystemTests.Harness;
using YamlDotNet.Serialization;

namespace ModuleController.SystemTests.BasePods;

/// <summary>The reconciler of base pods alone, against an API server; the other reconcilers' objects are made by the tests.</summary>
internal sealed class BasePodBench : IAsyncDisposable
{
    public const string Namespace = "default";

    private readonly CancellationTokenSource _stop = new();
    private readonly HttpClient _http;
    private readonly InformerFactory _informers;
    private readonly EventRecorder _events;
    private readonly Task _run;

    private BasePodBench(ApiServerHost host)
    {
        Host = host;
        _http = host.CreateClient();
        Client = new(Transport.To(host.ServerUri, host.AdminToken), new ResourceJson(ModulesJson.Default));
        _informers = new(Client, Clock, NullLoggerFactory.Instance);
        _events = new(Client, "modulecontroller", "test", Clock, NullLogger<EventRecorder>.Instance);
        var manager = new Manager(_informers, Clock, NullLoggerFactory.Instance);
        Caches = new(_informers);
        BasePodController.Add(manager, new(
            Caches, _informers, Client, _events, Agents, new() { GateTimeout = TimeSpan.FromSeconds(3) }, Clock, NullLoggerFactory.Instance)
        {
            OwnNamespace = "default",
        }, new());
        manager.Add(ManagerPhase.Caches, "events", _events.StartAsync, _events.StopAsync);
        _run = manager.RunAsync(_stop.Token);
    }

    /// <summary>The reconciler's; the states that it passes through are written only where they last for two seconds.</summary>
    public StandingClock Clock { get; } = new();

    public ApiServerHost Host { get; }

    public KubeClient Client { get; }

    public ScriptedAgents Agents { get; } = new();

    public Caches Caches { get; }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static async Task<BasePodBench> StartAsync()
    {
        var host = await ApiServerHost.StartAsync(new(), Cancellation);
        using var http = host.CreateClient();
        foreach (var file in Directory.EnumerateFiles(Path.Combine(Root(), "deploy", "crds"), "module*.yaml"))
        {
            var yaml = new DeserializerBuilder().WithAttemptingUnquotedStringTypeDeserialization().Build()
                .Deserialize<object>(await File.ReadAllTextAsync(file, Cancellation));
            var json = new SerializerBuilder().JsonCompatible().Build().Serialize(yaml);
            await PostAsync(http, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", json);
        }

        return new(host);
    }

    /// <param name="gateOf">The ReplicaSet of a base whose pods have the readiness gate; null: a pod without it, whose base is not
    /// known.</param>
    /// <param name="onHostNetwork">When its base container started and when the JVM that its agent reaches did; null: it has an address of
    /// its own.</param>
    public async Task<Pod> CreatePodAsync(
        string name = "base-1", string life = "life-1", ReplicaSet? gateOf = null,
        (DateTimeOffset Container, DateTimeOffset Jvm)? onHostNetwork = null)
    {
        var (owner, uid) = (gateOf?.Metadata.Name ?? "base-rs", gateOf?.Metadata.Uid ?? "rs-uid");
        var gates = gateOf is null ? "" : $$"""{"conditionType":"{{ModulesGate.ConditionType}}"}""";
        await PostAsync(_http, new Uri(Host.ServerUri, $"/api/v1/namespaces/{Namespace}/pods").AbsoluteUri, $$$"""
            {"apiVersion":"v1","kind":"Pod",
             "metadata":{"name":"{{{name}}}","finalizers":["test.io/hold"],"ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"{{{owner}}}","uid":"{{{uid}}}","controller":true}]},
             "spec":{"hostNetwork":{{{(onHostNetwork is null ? "false" : "true")}}},"readinessGates":[{{{gates}}}],"containers":[{"name":"base","image":"base"}]}}
            """);
        if (onHostNetwork is { } times)
        {
            await Client.PatchAsync<Pod>(new(Namespace, name), JsonNode.Parse($$$"""
                {"status":{"podIP":"10.0.0.7","containerStatuses":[{"name":"base","ready":true,"restartCount":0,"image":"base","imageID":"",
                  "state":{"running":{"startedAt":"{{{times.Container.UtcDateTime:yyyy-MM-ddTHH:mm:ssZ}}}"} } }]}}
                """)!.AsObject(), new("test") { Subresource = "status" }, Cancellation);
        }

        Agents.Begin(new(Namespace, name), life, onHostNetwork?.Jvm);
        return await Client.GetAsync<Pod>(new(Namespace, name), Cancellation);
    }

    /// <summary>A base, as far as a pod shows whose it is: its ReplicaSet and who owns that.</summary>
    public async Task<ReplicaSet> CreateBaseAsync(string name = "base", int revision = 1)
    {
        await PostAsync(_http, new Uri(Host.ServerUri, $"/apis/apps/v1/namespaces/{Namespace}/replicasets").AbsoluteUri, $$$"""
            {"apiVersion":"apps/v1","kind":"ReplicaSet",
             "metadata":{"name":"{{{name}}}-{{{revision}}}","annotations":{"deployment.kubernetes.io/revision":"{{{revision}}}"},
               "ownerReferences":[{"apiVersion":"apps/v1","kind":"Deployment","name":"{{{name}}}","uid":"{{{name}}}-uid","controller":true}]},
             "spec":{"replicas":0,"selector":{"matchLabels":{"app":"{{{name}}}"}},
               "template":{"metadata":{"labels":{"app":"{{{name}}}"} },"spec":{"containers":[{"name":"base","image":"base"}]} } } }
            """);
        return await Client.GetAsync<ReplicaSet>(new(Namespace, $"{name}-{revision}"), Cancellation);
    }

    /// <summary>As Placement makes it: bound, with owner and finalizer.</summary>
    public Task<Module> CreateModuleAsync(Pod pod, string name, string version = "1.0.0", ModuleReplicaSet? owner = null,
        Module? replaces = null) =>
        Client.CreateAsync(
            new Module
            {
                Metadata = new()
                {
                    Name = $"{name}-{version}-{pod.Metadata.Name}",
                    Namespace = Namespace,
                    Finalizers = [FinalizerNames.Module],
                    OwnerReferences = owner is null
                        ? []
                        : [new(ModuleReplicaSet.Kind.ApiVersion, "ModuleReplicaSet", owner.Metadata.Name, owner.Metadata.Uid!,
                            Controller: true)],
                },
                Spec = new()
                {
                    Module = new() { Name = name, Version = version, Url = $"http://jars/{name}-{version}.jar" },
                    PodName = pod.Metadata.Name,
                    PodUid = pod.Metadata.Uid,
                    Replaces = replaces?.Metadata.Uid,
                },
            },
            "test", Cancellation);

    public async Task<(ModuleDeployment Deployment, ModuleReplicaSet ReplicaSet)> CreateRevisionAsync(string name, string version)
    {
        var template = new ModuleTemplateSpec
        {
            Spec = new() { Module = new() { Name = name, Version = version, Url = $"http://jars/{name}-{version}.jar" } },
        };
        var deployment = await Client.CreateAsync(
            new ModuleDeployment
            {
                Metadata = new() { Name = $"{name}-{version}", Namespace = Namespace },
                Spec = new()
                {
                    BaseDeploymentName = "base",
                    Template = template,
                    Replicas = 1,
                    OperationStrategy = new() { ServiceStrategy = new() { EnableModuleService = true }, TrafficDrainSeconds = 0 },
                },
            },
            "test", Cancellation);
        var replicaSet = await Client.CreateAsync(
            new ModuleReplicaSet
            {
                Metadata = new()
                {
                    Name = Revision.Of(template).ReplicaSetName(deployment.Metadata.Name),
                    Namespace = Namespace,
                    OwnerReferences = [
                        new(ModuleDeployment.Kind.ApiVersion, "ModuleDeployment", deployment.Metadata.Name, deployment.Metadata.Uid!,
                        Controller: true)],
                },
                Spec = new() { Replicas = 1, Template = template },
            },
            "test", Cancellation);
        return (deployment, replicaSet);
    }

    public Task<T> PatchAsync<T>(T resource, string patch, string? subresource = null) where T : class, IResource =>
        Client.PatchAsync<T>(ObjectKey.Of(resource.Metadata), JsonNode.Parse(patch)!.AsObject(), new("test") { Subresource = subresource },
            Cancellation);

    public Task DeleteAsync<T>(T resource) where T : class, IResource =>
        Client.DeleteAsync<T>(ObjectKey.Of(resource.Metadata), new() { Uid = resource.Metadata.Uid }, Cancellation);

    public Task<T?> FindAsync<T>(T resource) where T : class, IResource =>
        Client.FindAsync<T>(ObjectKey.Of(resource.Metadata), Cancellation);

    public Task<Module> Becomes(Module module, Func<Module, bool> state) =>
        Eventually.Some(async () => await FindAsync(module) is { } found && state(found)
            ? found : null, async () => (await FindAsync(module))?.Status.ToString() ?? "gone");

    public Task<Condition> GateBecomes(Pod pod, Func<Condition, bool> state) =>
        Eventually.Some(async () => await GateOf(pod) is { } found && state(found)
            ? found : null, async () => (await GateOf(pod))?.ToString() ?? "no condition");

    public async Task<Condition?> GateOf(Pod pod) => await FindAsync(pod) is { } found ? ModulesGate.ConditionOf(found) : null;

    public Task IsGone(Module module) =>
        Eventually.True(async () => await FindAsync(module) is null, async () => (await FindAsync(module))?.Status.ToString() ?? "gone");

    public async Task<bool> HasLabelAsync(Pod pod, string name) =>
        (await Client.GetAsync<Pod>(ObjectKey.Of(pod.Metadata), Cancellation)).Metadata.Labels.GetValueOrDefault(
            Labels.Traffic(name)) == "true";

    public long Writes(string resource, string subresource = "") => Requests("patch", resource, subresource);

    /// <summary>Exactly so many patches were made, once so many were: the server counts a request when it has answered it.</summary>
    public async Task WrittenAsync(long pods, long statuses, long modules)
    {
        (long Pods, long Statuses, long Modules) Now() =>
            (Writes("pods"), Writes("modules.koupleless.io", "status"), Writes("modules.koupleless.io"));
        await Eventually.True(() => Now() is var now && now.Pods >= pods && now.Statuses >= statuses
            && now.Modules >= modules, () => $"{Now()}");
        Assert.Equal((pods, statuses, modules), Now());
    }

    public long Lists => Requests("list", "pods") + Requests("list", "modules.koupleless.io");

    private long Requests(string verb, string resource, string subresource = "") => Host.Counters.Snapshot()
        .Where(entry => entry.Key.Resource == resource && entry.Key.Subresource == subresource && entry.Key.Verb == verb)
        .Sum(entry => entry.Value);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _run;
        await _informers.DisposeAsync();
        _events.Dispose();
        Client.Dispose();
        _http.Dispose();
        _stop.Dispose();
        await Host.DisposeAsync();
    }

    private static async Task PostAsync(HttpClient http, string path, string json)
    {
        using var content = new StringContent(json, Encoding.UTF8, "application/json");
        using var response = await http.PostAsync(new Uri(path, UriKind.RelativeOrAbsolute), content, Cancellation);
        Assert.True(response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync(Cancellation));
    }

    private static string Root()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, "ModuleController.sln"))) return folder.FullName;
        throw new InvalidOperationException("no ModuleController.sln above the tests");
    }
}
