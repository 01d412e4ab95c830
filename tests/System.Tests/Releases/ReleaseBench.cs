using System.Text;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging.Abstractions;
using ModuleController.ControlPlane;
using ModuleController.ControlPlane.Observing;
using ModuleController.ControlPlane.Settings;
using ModuleController.Core.Builtin;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Dev.ApiServer;
using ModuleController.Kube.Caches;
using ModuleController.Kube.Client;
using ModuleController.Kube.Hosting;
using ModuleController.SystemTests.Harness;
using YamlDotNet.Serialization;

namespace ModuleController.SystemTests.Releases;

/// <summary>All reconcilers against an API server; pods and agents are made by the tests.</summary>
internal sealed class ReleaseBench : IAsyncDisposable
{
    private const string Namespace = "default";

    private readonly CancellationTokenSource _stop = new();
    private readonly HttpClient _http;
    private readonly InformerFactory _informers;
    private readonly EventRecorder _events;
    private readonly Task _run;

    private ReleaseBench(ApiServerHost host, StandingClock hostClock, HttpClient http, ControlPlaneOptions options)
    {
        (Host, HostClock, _http) = (host, hostClock, http);
        Client = new(Transport.To(host.ServerUri, host.AdminToken), new ResourceJson(ModulesJson.Default));
        _informers = new(Client, Clock, NullLoggerFactory.Instance);
        _events = new(Client, "modulecontroller", "test", Clock, NullLogger<EventRecorder>.Instance);
        var manager = new Manager(_informers, Clock, NullLoggerFactory.Instance);
        Race = new(Client);
        Caches = new(_informers);
        Composition.AddReconcilers(manager, new(
            Caches, _informers, Race, _events, Agents, options, Clock, NullLoggerFactory.Instance)
        {
            OwnNamespace = "default",
        });
        manager.Add(ManagerPhase.Caches, "events", _events.StartAsync, _events.StopAsync);
        _run = manager.RunAsync(_stop.Token);
    }

    public StandingClock Clock { get; } = new();

    public ApiServerHost Host { get; }

    /// <summary>What the API server takes the time from that it writes into objects.</summary>
    public StandingClock HostClock { get; }

    public KubeClient Client { get; }

    /// <summary>What the reconcilers write through.</summary>
    public RacingClient Race { get; }

    public FleetAgents Agents { get; } = new();

    public Caches Caches { get; }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static async Task<ReleaseBench> StartAsync(int pods, ControlPlaneOptions? options = null, string? crds = null)
    {
        var clock = new StandingClock();
        var host = await ApiServerHost.StartAsync(new() { Time = clock }, Cancellation);
        var http = host.CreateClient();
        foreach (var file in Directory.EnumerateFiles(crds ?? Path.Combine(Root(), "deploy", "crds"), "module*.yaml"))
        {
            var yaml = new DeserializerBuilder().WithAttemptingUnquotedStringTypeDeserialization().Build()
                .Deserialize<object>(await File.ReadAllTextAsync(file, Cancellation));
            await SendAsync(http, HttpMethod.Post, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
                new SerializerBuilder().JsonCompatible().Build().Serialize(yaml));
        }

        const string Template = """{"metadata":{"labels":{"app":"base"}},"spec":{"containers":[{"name":"base","image":"base"}]}}""";
        await SendAsync(http, HttpMethod.Post, $"/apis/apps/v1/namespaces/{Namespace}/deployments",
            """{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"base"},"spec":{"replicas":1,"selector":{"matchLabels":{"app":"base"}},"template":TEMPLATE}}"""
                .Replace("TEMPLATE", Template, StringComparison.Ordinal));
        var bench = new ReleaseBench(host, clock, http, options ?? new());
        var deployment = await bench.Client.GetAsync<Deployment>(new(Namespace, "base"), Cancellation);
        await SendAsync(http, HttpMethod.Post, $"/apis/apps/v1/namespaces/{Namespace}/replicasets",
            $$$"""
            {"apiVersion":"apps/v1","kind":"ReplicaSet",
             "metadata":{"name":"base-1","ownerReferences":[{"apiVersion":"apps/v1","kind":"Deployment","name":"base","uid":"{{{deployment.Metadata.Uid}}}","controller":true}]},
             "spec":{"replicas":1,"selector":{"matchLabels":{"app":"base"}},"template":{{{Template}}}}}
            """);
        for (var i = 0; i < pods; i++) await bench.AddPodAsync($"base-{i:d3}");
        return bench;
    }

    public async Task AddPodAsync(string name)
    {
        var owner = await Client.GetAsync<ReplicaSet>(new(Namespace, "base-1"), Cancellation);
        await SendAsync(_http, HttpMethod.Post, $"/api/v1/namespaces/{Namespace}/pods",
            $$$"""
            {"apiVersion":"v1","kind":"Pod",
             "metadata":{"name":"{{{name}}}","ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"base-1","uid":"{{{owner.Metadata.Uid}}}","controller":true}]},
             "spec":{"containers":[{"name":"base","image":"base"}]}}
            """);
        Agents.Connect(new(Namespace, name));
        await SendAsync(_http, HttpMethod.Patch, $"/api/v1/namespaces/{Namespace}/pods/{name}/status",
            """{"status":{"phase":"Running","podIP":"127.0.0.9","containerStatuses":[{"name":"base","ready":true,"restartCount":0,"image":"base","imageID":"base"}]}}""");
    }

    public Task<ModuleDeployment> CreateAsync(string name, int replicas, Func<OperationStrategy, OperationStrategy>? strategy = null) =>
        Client.CreateAsync(
            new ModuleDeployment
            {
                Metadata = new() { Name = name, Namespace = Namespace },
                Spec = new()
                {
                    BaseDeploymentName = "base",
                    Replicas = replicas,
                    Template = new()
                    {
                        Spec = new() { Module = new() { Name = name, Version = "1.0.0", Url = $"http://jars/{name}.jar" } }
                    },
                    OperationStrategy = (strategy ?? (same => same))(new()),
                },
            },
            "test", Cancellation);

    /// <summary>As a user's manifest has it, whatever stands in it.</summary>
    public Task CreateAsync(JsonObject manifest) =>
        SendAsync(_http, HttpMethod.Post, $"/apis/koupleless.io/v1alpha1/namespaces/{Namespace}/moduledeployments",
            manifest.ToJsonString());

    public Task PatchAsync(string name, string patch) =>
        Client.PatchAsync<ModuleDeployment>(new(Namespace, name), JsonNode.Parse(patch)!.AsObject(), new("test"), Cancellation);

    public Task ScaleAsync(string name, int replicas) => Client.PatchSubresourceAsync<ModuleDeployment>(
        new(Namespace, name), "scale", new() { ["spec"] = new JsonObject { ["replicas"] = replicas } }, new("test"), Cancellation);

    public Task UpgradeAsync(string name, string version) =>
        PatchAsync(name, """{"spec":{"template":{"spec":{"module":{"version":"VERSION"}}}}}""".Replace("VERSION", version, StringComparison.Ordinal));

    public Task DeleteAsync<T>(string name) where T : class, IResource =>
        Client.DeleteAsync<T>(new(Namespace, name), cancellation: Cancellation);

    /// <summary>Lets a minute pass, which is longer than the backoff of a rejected write, and has all keys reconciled.</summary>
    public async Task PassMinuteAsync()
    {
        Clock.Jump(TimeSpan.FromMinutes(1));
        JsonObject Touch() => new()
        {
            ["metadata"] = new JsonObject { ["annotations"] = new JsonObject { ["touched"] = Clock.GetUtcNow().ToString("O") } }
        };
        foreach (var deployment in await ListAsync<ModuleDeployment>())
            await Client.PatchAsync<ModuleDeployment>(ObjectKey.Of(deployment.Metadata), Touch(), new("test"), Cancellation);
        foreach (var pod in await ListAsync<Pod>())
            await Client.PatchAsync<Pod>(ObjectKey.Of(pod.Metadata), Touch(), new("test"), Cancellation);
    }

    public async Task<IReadOnlyList<T>> ListAsync<T>() where T : class, IResource =>
        (await Client.ListAsync<T>(new() { Namespace = Namespace }, Cancellation)).Items;

    public Task<ModuleDeployment?> FindAsync(string name) => Client.FindAsync<ModuleDeployment>(new(Namespace, name), Cancellation);

    public Task<ModuleDeployment> Becomes(string name, Func<ModuleDeployment, bool> state) => Eventually.Some(
        async () => await FindAsync(name) is { } found && state(found) ? found : null,
        async () =>
            $"{(await FindAsync(name))?.Status} "
                + $"{string.Join('\n', (await ListAsync<Module>()).Select(module => $"{module.Metadata.Name} {module.Spec} {module.Status}"))}");

    public Task<ModuleDeployment> Completes(string name, int available, string version = "1.0.0") => Becomes(name, found =>
        found.Status is { ReleaseStatus.Progress: ReleaseProgress.Completed } status && status.UpdatedAvailableReplicas == available
        && status.ObservedGeneration == found.Metadata.Generation && found.Spec.Template.Spec.Module.Version == version
        && status.ObservedReplicas == found.Spec.Replicas && found.Spec.ScaleReplicas == available);

    public IReadOnlyDictionary<string, long> Requests() => Host.Counters.Snapshot()
        .GroupBy(entry => $"{entry.Key.Verb} {entry.Key.Resource}{(entry.Key.Subresource.Length > 0 ? "/" : "")}{entry.Key.Subresource}")
        .ToDictionary(group => group.Key, group => group.Sum(entry => entry.Value));

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

    private static async Task SendAsync(HttpClient http, HttpMethod method, string path, string json)
    {
        using var request = new HttpRequestMessage(method, path)
        {
            Content = new StringContent(json, Encoding.UTF8, method == HttpMethod.Patch
                ? "application/merge-patch+json" : "application/json"),
        };
        using var response = await http.SendAsync(request, Cancellation);
        Assert.True(response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync(Cancellation));
    }

    private static string Root()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, "ModuleController.sln"))) return folder.FullName;
        throw new InvalidOperationException("no ModuleController.sln above the tests");
    }
}
