using System.Net.Http.Headers;
using System.Net.Security;
using System.Text.Json.Nodes;
using Grpc.Core;
using Grpc.Net.Client;
using k8s;
using k8s.Models;
using ModuleController.ControlPlane;
using ModuleController.SystemTests.Gateway;
using ModuleController.SystemTests.Harness;
using Api = ModuleController.Client.V1;

namespace ModuleController.SystemTests.Control;

/// <summary>A controller that serves the control API with the shipped roles, and users with tokens.</summary>
internal sealed class ControlRig : IAsyncDisposable
{
    private const string Rbac = "/apis/rbac.authorization.k8s.io/v1";

    private readonly GrpcChannel _channel;
    private readonly HttpClient _http;

    private ControlRig(GatewayRig cluster, ControlPlaneHost controller)
    {
        (Cluster, Controller) = (cluster, controller);
        _channel = Connect(controller.ControlAddress!);
        _http = new(Handler()) { BaseAddress = controller.ControlAddress };
        ModuleDeployments = new(_channel);
    }

    public GatewayRig Cluster { get; }

    public ControlPlaneHost Controller { get; }

    public GrpcChannel Channel => _channel;

    public Api.ModuleDeploymentService.ModuleDeploymentServiceClient ModuleDeployments { get; }

    private static CancellationToken Cancellation => GatewayRig.Cancellation;

    public static async Task<ControlRig> StartAsync(TimeProvider? time = null)
    {
        var cluster = await GatewayRig.StartAsync();
        try
        {
            foreach (var item in KubernetesYaml.LoadAllFromString(
                await File.ReadAllTextAsync(Path.Combine(Manifests.Root, "deploy", "control", "role.yaml"), Cancellation)))
            {
                if (item is V1ClusterRoleBinding binding) binding.Subjects.Single().NamespaceProperty = "default";
                await cluster.PostAsync(
                    item is V1ClusterRole ? $"{Rbac}/clusterroles" : $"{Rbac}/clusterrolebindings",
                    JsonNode.Parse(KubernetesJson.Serialize(item))!);
            }

            var controller = await cluster.StartLeaderAsync(
                change: options => options with { ControlPort = 0, IsTlsAutomatic = true }, time: time);
            using var http = new HttpClient();
            await Eventually.True(async () =>
            {
                using var ready = await http.GetAsync(new Uri(controller.HttpAddress, "/readyz"), Cancellation);
                return ready.IsSuccessStatusCode;
            });
            return new(cluster, controller);
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    public static GrpcChannel Connect(Uri address) =>
        GrpcChannel.ForAddress(address, new() { HttpHandler = Handler(), DisposeHttpClient = true });

    /// <summary>The headers of a call with this token.</summary>
    public static Metadata With(string? token) => token is null ? [] : new() { { "authorization", $"Bearer {token}" } };

    /// <summary>The token of a new user without permissions.</summary>
    public async Task<string> UserAsync(string name)
    {
        const string Accounts = "/api/v1/namespaces/default/serviceaccounts";
        await Cluster.PostAsync(Accounts, new JsonObject { ["metadata"] = new JsonObject { ["name"] = name } });
        var answer = await Cluster.PostAsync($"{Accounts}/{name}/token", JsonNode.Parse("""{"spec":{"audiences":[]}}""")!);
        return (string)answer["status"]!["token"]!;
    }

    /// <param name="ns">Null: in all of them.</param>
    public Task PermitAsync(string user, string? ns, params string[] verbs) => PermitResourceAsync(user, ns, "moduledeployments", verbs);

    /// <param name="ns">Null: in all of them.</param>
    public async Task PermitResourceAsync(string user, string? ns, string resource, params string[] verbs)
    {
        var name = $"{user}-{ns ?? "all"}";
        var (scope, kind) = ns is null ? ("cluster", "ClusterRole") : ("", "Role");
        var prefix = ns is null ? Rbac : $"{Rbac}/namespaces/{ns}";
        await Cluster.PostAsync($"{prefix}/{scope}roles", JsonNode.Parse($$"""
            {"metadata":{"name":"{{name}}"},"rules":[{"apiGroups":["koupleless.io"],"resources":["{{resource}}"],
             "verbs":["{{string.Join("\",\"", verbs)}}"]}]}
            """)!);
        await Cluster.PostAsync($"{prefix}/{scope}rolebindings", JsonNode.Parse($$"""
            {"metadata":{"name":"{{name}}"},"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"{{kind}}","name":"{{name}}"},
             "subjects":[{"kind":"ServiceAccount","name":"{{user}}","namespace":"default"}]}
            """)!);
    }

    public async Task CreateAsync(string ns, params string[] names)
    {
        if (ns != "default") await Cluster.PostAsync("/api/v1/namespaces", new JsonObject { ["metadata"] = new JsonObject { ["name"] = ns } });
        foreach (var name in names)
        {
            await Cluster.PostAsync($"/apis/koupleless.io/v1alpha1/namespaces/{ns}/moduledeployments", JsonNode.Parse($$"""
                {"apiVersion":"koupleless.io/v1alpha1","kind":"ModuleDeployment","metadata":{"name":"{{name}}","labels":{"app":"{{name}}"} },
                 "spec":{"baseDeploymentName":"base","replicas":2,"template":{"spec":{"module":{"name":"{{name}}","version":"1.0.0",
                  "url":"https://user:secret@store/{{name}}.jar?token=secret"} } } } }
                """)!);
            await Eventually.True(() => Controller.Caches.ModuleDeployments.Get(new(ns, name)) is not null);
        }
    }

    public async Task<(int Code, JsonNode Body)> GetJsonAsync(string path, string? token)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(path, UriKind.Relative));
        if (token is not null) request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        using var response = await _http.SendAsync(request, Cancellation);
        return ((int)response.StatusCode, JsonNode.Parse(await response.Content.ReadAsStringAsync(Cancellation))!);
    }

    public async ValueTask DisposeAsync()
    {
        _channel.Dispose();
        _http.Dispose();
        await Cluster.DisposeAsync();
    }

    private static SocketsHttpHandler Handler() => new()
    {
        SslOptions = new()
        {
            RemoteCertificateValidationCallback = (_, _, _, errors) => errors != SslPolicyErrors.RemoteCertificateNotAvailable,
        },
    };
}
