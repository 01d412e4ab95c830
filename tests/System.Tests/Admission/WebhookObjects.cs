using System.Text;
using k8s;
using k8s.Models;
using ModuleController.SystemTests.Harness;

namespace ModuleController.SystemTests.Admission;

/// <summary>The webhooks that deploy/controller ships, reached by url: a controller of a test is no pod of a Service.</summary>
internal sealed class WebhookObjects : IAsyncDisposable
{
    private const string Name = "modulecontroller";

    private readonly Kubernetes _client;

    private WebhookObjects(Kubernetes client) => _client = client;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <param name="kubeconfig">An administrator's.</param>
    /// <param name="address">Where a controller answers; its certificate has the name localhost.</param>
    public static async Task<WebhookObjects> CreateAsync(string kubeconfig, Uri address)
    {
        var objects = new WebhookObjects(new(KubernetesClientConfiguration.BuildConfigFromConfigFile(kubeconfig)));
        var yaml = await File.ReadAllTextAsync(Path.Combine(Manifests.Root, "deploy", "controller", "webhooks.yaml"), Cancellation);
        foreach (var item in KubernetesYaml.LoadAllFromString(yaml))
        {
            if (item is V1MutatingWebhookConfiguration mutating)
            {
                foreach (var webhook in mutating.Webhooks) ByUrl(webhook.ClientConfig, address);
                await objects._client.CreateMutatingWebhookConfigurationAsync(mutating, cancellationToken: Cancellation);
            }
            else if (item is V1ValidatingWebhookConfiguration validating)
            {
                foreach (var webhook in validating.Webhooks) ByUrl(webhook.ClientConfig, address);
                await objects._client.CreateValidatingWebhookConfigurationAsync(validating, cancellationToken: Cancellation);
            }
        }

        return objects;
    }

    /// <summary>The authorities of each webhook; null: it has none.</summary>
    public async Task<IReadOnlyList<string?>> BundlesAsync()
    {
        var mutating = await _client.ReadMutatingWebhookConfigurationAsync(Name, cancellationToken: Cancellation);
        var validating = await _client.ReadValidatingWebhookConfigurationAsync(Name, cancellationToken: Cancellation);
        return
        [
            .. mutating.Webhooks.Select(webhook => webhook.ClientConfig).Concat(validating.Webhooks.Select(webhook => webhook.ClientConfig))
                .Select(client => client.CaBundle is { Length: > 0 } bundle ? Encoding.UTF8.GetString(bundle) : null),
        ];
    }

    /// <summary>Removes the authorities, or sends the requests of all webhooks elsewhere.</summary>
    public async Task ChangeAsync(Action<Admissionregistrationv1WebhookClientConfig> change)
    {
        await Eventually.True(async () =>
        {
            var found = await _client.ReadMutatingWebhookConfigurationAsync(Name, cancellationToken: Cancellation);
            foreach (var webhook in found.Webhooks) change(webhook.ClientConfig);
            try
            {
                await _client.ReplaceMutatingWebhookConfigurationAsync(found, Name, cancellationToken: Cancellation);
                return true;
            }
            catch (k8s.Autorest.HttpOperationException conflict) when (conflict.Response.StatusCode == System.Net.HttpStatusCode.Conflict)
            {
                return false;
            }
        });
    }

    public async ValueTask DisposeAsync()
    {
        await _client.DeleteMutatingWebhookConfigurationAsync(Name);
        await _client.DeleteValidatingWebhookConfigurationAsync(Name);
        _client.Dispose();
    }

    private static void ByUrl(Admissionregistrationv1WebhookClientConfig client, Uri address)
    {
        client.Url = new UriBuilder(address) { Host = "localhost", Path = client.Service.Path }.Uri.AbsoluteUri;
        client.Service = null;
    }
}
