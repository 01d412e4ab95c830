using k8s;
using k8s.Models;
using Microsoft.Extensions.Logging.Abstractions;
using ModuleController.ControlPlane.Access;
using ModuleController.ControlPlane.Agents.Identity;
using ModuleController.Core.Modules;
using ModuleController.Dev.ApiServer;
using ModuleController.Kube.Client;
using ModuleController.SystemTests.Harness;
using ModuleController.Tests.Tokens;

namespace ModuleController.SystemTests.Identity;

/// <summary>
/// Tokens as an API server issues and publishes them: the one that MODULECONTROLLER_TEST_KUBECONFIG names, else an embedded one. The
/// controller has the permissions of its role.
/// </summary>
public sealed class ClusterTokenTests : IAsyncLifetime
{
    private readonly string _ns = $"tokens-{Guid.NewGuid().ToString()[..8]}";
    private readonly string _kubeconfig = Path.Combine(Path.GetTempPath(), $"tokens-{Guid.NewGuid():N}.yaml");
    private ApiServerHost? _host;
    private Kubernetes _admin = null!;
    private ControllerAccount _account = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        var file = Environment.GetEnvironmentVariable("MODULECONTROLLER_TEST_KUBECONFIG");
        if (string.IsNullOrEmpty(file))
        {
            _host = await ApiServerHost.StartAsync(new(), Cancellation);
            await _host.WriteKubeconfigAsync(file = _kubeconfig, Cancellation);
        }

        _admin = new(KubernetesClientConfiguration.BuildConfigFromConfigFile(file));
        await _admin.CreateNamespaceAsync(new() { Metadata = new() { Name = _ns } }, cancellationToken: Cancellation);
        await _admin.CreateNamespacedServiceAccountAsync(
            new() { Metadata = new() { Name = "agent" } }, _ns, cancellationToken: Cancellation);
        _account = await ControllerAccount.CreateAsync(file, _ns, Cancellation);
        await _account.WriteKubeconfigAsync(_kubeconfig, Cancellation);
    }

    public async ValueTask DisposeAsync()
    {
        await _account.DisposeAsync();
        await _admin.DeleteNamespaceAsync(_ns);
        _admin.Dispose();
        if (_host is not null) await _host.DisposeAsync();
        File.Delete(_kubeconfig);
    }

    [Fact]
    public async Task A_pods_token_is_verified_with_the_published_keys_and_by_review_with_the_same_result()
    {
        var pod = await _admin.CreateNamespacedPodAsync(
            new()
            {
                Metadata = new() { Name = "base-0" },
                Spec = new()
                {
                    ServiceAccountName = "agent",
                    SchedulerName = "nobody",
                    Containers = [new() { Name = "base", Image = "registry.example/none:1" }],
                },
            },
            _ns, cancellationToken: Cancellation);
        var token = await TokenAsync(pod, "modulecontroller");
        using var client = new KubeClient(
            Transport.FromKubeconfig(_kubeconfig), new ResourceJson(ModulesJson.Default, AccessJson.Default));
        using var reviews = new TokenReviews(client, "modulecontroller", TimeProvider.System, NullLogger<TokenReviews>.Instance);
        var keys = new SigningKeys(client.ReadDocumentAsync, TimeProvider.System, NullLogger<SigningKeys>.Instance);
        var authenticator = new AgentAuthenticator(keys, reviews, new(), TimeProvider.System);

        Assert.NotNull(await keys.GetAsync(Cancellation));
        var verified = (await authenticator.AuthenticateTokenAsync(token, Cancellation)).Identity;
        Assert.Equal((_ns, "base-0", pod.Metadata.Uid), (verified?.Namespace, verified?.PodName, verified?.PodUid));
        Assert.InRange(verified!.ExpiresAt - TimeProvider.System.GetUtcNow(), TimeSpan.FromMinutes(8), TimeSpan.FromMinutes(12));
        Assert.Equal(verified, (await reviews.AskAsync(AgentToken.Read(token)!, Cancellation)).Identity);

        var changed = Jwt.Parse(token).WithClaim("sub", "system:serviceaccount:other:agent").Sign(_ => [1, 2, 3]);
        foreach (var refused in new[] { changed, await TokenAsync(pod, "other"), await TokenAsync(null, "modulecontroller") })
        {
            var byKeys = await authenticator.AuthenticateTokenAsync(refused, Cancellation);
            var byReview = await reviews.AskAsync(AgentToken.Read(refused)!, Cancellation);
            Assert.NotNull(byKeys.Refusal);
            Assert.Equal(byReview.Refusal?.StatusCode, byKeys.Refusal?.StatusCode);
        }
    }

    private async Task<string> TokenAsync(V1Pod? pod, string audience) =>
        (await _admin.CoreV1.CreateNamespacedServiceAccountTokenAsync(
            new()
            {
                Spec = new()
                {
                    Audiences = [audience],
                    ExpirationSeconds = 600,
                    BoundObjectRef = pod is null ? null
                        : new() { ApiVersion = "v1", Kind = "Pod", Name = pod.Metadata.Name, Uid = pod.Metadata.Uid },
                },
            },
            "agent", _ns, cancellationToken: Cancellation)).Status.Token;
}
