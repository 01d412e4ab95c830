using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Nodes;
using k8s;
using k8s.Models;
using ModuleController.SystemTests.Harness;

namespace ModuleController.SystemTests.Admission;

/// <summary>A user with the shipped edit role in the namespace of a world, impersonated by an administrator.</summary>
internal sealed class ImpersonatedUser : IDisposable
{
    private readonly World _world;
    private readonly Kubernetes _client;

    private ImpersonatedUser(World world, string name)
    {
        (_world, Name) = (world, name);
        _client = new(KubernetesClientConfiguration.BuildConfigFromConfigFile(world.Kubeconfig), new Impersonating(name));
    }

    public string Name { get; }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <param name="rules">What of the shipped edit role the user gets; null: all.</param>
    public static async Task<ImpersonatedUser> CreateAsync(World world, string name, Func<V1PolicyRule, bool>? rules = null)
    {
        using var admin = new Kubernetes(KubernetesClientConfiguration.BuildConfigFromConfigFile(world.Kubeconfig));
        var yaml = await File.ReadAllTextAsync(Path.Combine(Manifests.Root, "deploy", "controller", "user-roles.yaml"), Cancellation);
        var roles = KubernetesYaml.LoadAllFromString(yaml).OfType<V1ClusterRole>().ToList();
        await admin.CreateNamespacedRoleAsync(
            new V1Role
            {
                Metadata = new() { Name = name },
                Rules = [.. roles.SelectMany(role => role.Rules).Where(rules ?? (_ => true))],
            },
            world.Namespace, cancellationToken: Cancellation);
        await admin.CreateNamespacedRoleBindingAsync(
            new V1RoleBinding
            {
                Metadata = new() { Name = name },
                RoleRef = new() { ApiGroup = "rbac.authorization.k8s.io", Kind = "Role", Name = name },
                Subjects = [new() { ApiGroup = "rbac.authorization.k8s.io", Kind = "User", Name = name }],
            },
            world.Namespace, cancellationToken: Cancellation);
        var user = new ImpersonatedUser(world, name);
        // A new role is in effect after a moment.
        await Eventually.True(async () =>
        {
            using var list = await user.SendAsync(HttpMethod.Get, "");
            return list.IsSuccessStatusCode;
        });
        return user;
    }

    public Task<JsonNode> CreateAsync(JsonObject deployment) => ChangedAsync(HttpMethod.Post, "", deployment, "application/json");

    /// <summary>Reads the whole object, changes it and writes it, again while somebody else has written it in between.</summary>
    public async Task<JsonNode> ReplaceAsync(string name, Action<JsonNode> change)
    {
        var text = "";
        await Eventually.True(async () =>
        {
            using var read = await SendAsync(HttpMethod.Get, $"/{name}");
            var whole = JsonNode.Parse(await read.Content.ReadAsStringAsync(Cancellation))!.AsObject();
            change(whole);
            using var answer = await SendAsync(HttpMethod.Put, $"/{name}", whole, "application/json");
            text = await answer.Content.ReadAsStringAsync(Cancellation);
            Assert.True(answer.IsSuccessStatusCode || answer.StatusCode == HttpStatusCode.Conflict, text);
            return answer.IsSuccessStatusCode;
        });
        return JsonNode.Parse(text)!;
    }

    public Task<JsonNode> PatchAsync(string name, JsonObject patch, string query = "") =>
        ChangedAsync(HttpMethod.Patch, $"/{name}{query}", patch, "application/merge-patch+json");

    /// <summary>Server-side apply.</summary>
    public Task<JsonNode> ApplyAsync(JsonObject deployment) => ChangedAsync(
        HttpMethod.Patch, $"/{(string)deployment["metadata"]!["name"]!}?fieldManager=gitops", deployment, "application/apply-patch+yaml");

    public Task<JsonNode> AnnotateAsync(string name, params (string Name, string Value)[] annotations) => PatchAsync(name, new()
    {
        ["metadata"] = new JsonObject
        {
            ["annotations"] = new JsonObject(annotations.Select(one => KeyValuePair.Create(one.Name, (JsonNode?)one.Value))),
        },
    });

    public void Dispose() => _client.Dispose();

    private async Task<JsonNode> ChangedAsync(HttpMethod method, string path, JsonObject body, string type)
    {
        using var answer = await SendAsync(method, path, body, type);
        var text = await answer.Content.ReadAsStringAsync(Cancellation);
        Assert.True(answer.IsSuccessStatusCode, text);
        return JsonNode.Parse(text)!;
    }

    private async Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, JsonObject? body = null, string? type = null)
    {
        using var request = new HttpRequestMessage(
            method, new Uri(_client.BaseUri, $"/apis/koupleless.io/v1alpha1/namespaces/{_world.Namespace}/moduledeployments{path}"));
        if (body is not null)
        {
            request.Content = new ByteArrayContent(JsonSerializer.SerializeToUtf8Bytes(body));
            request.Content.Headers.ContentType = new MediaTypeHeaderValue(type!);
        }

        // There are none where the administrator has a client certificate.
        if (_client.Credentials is { } credentials) await credentials.ProcessHttpRequestAsync(request, Cancellation);
        return await _client.HttpClient.SendAsync(request, Cancellation);
    }

    private sealed class Impersonating(string user) : DelegatingHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            request.Headers.Add("Impersonate-User", user);
            return base.SendAsync(request, cancellationToken);
        }
    }
}
