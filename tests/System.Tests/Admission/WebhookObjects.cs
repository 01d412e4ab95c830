using System.Net;
using System.Text;
using k8s;
using k8s.Autorest;
using k8s.Models;
using ModuleController.SystemTests.Harness;

namespace ModuleController.SystemTests.Admission;

/// <summary>The webhooks that deploy/controller ships, reached by url: a controller of a test is no pod of a Service.</summary>
internal sealed class WebhookObjects : IAsyncDisposable
{
    private const string Name = "modulecontroller";

    private readonly Kubernetes _client;
    private V1ClusterRole? _role;

    private WebhookObjects(Kubernetes client) => _client = client;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <param name="kubeconfig">An administrator's.</param>
    /// <param name="address">Where a controller answers; its certificate has the name localhost.</param>
    /// <param name="ns">Of the controller's ServiceAccount, as an overlay with another namespace names it.</param>
    /// <param name="excepted">The namespace of the ServiceAccount that matchConditions name; null: the same.</param>
    /// <param name="authorizeVerbs">With deploy/authorize-verbs.</param>
    public static async Task<WebhookObjects> CreateAsync(
        string kubeconfig, Uri address, string ns, string? excepted = null, bool authorizeVerbs = false)
    {
        var objects = new WebhookObjects(new(KubernetesClientConfiguration.BuildConfigFromConfigFile(kubeconfig)));
        var items = await LoadAsync("controller", "webhooks.yaml", excepted ?? ns);
        if (authorizeVerbs)
        {
            await objects.PermitAsync(ns);
            var added = (await LoadAsync("authorize-verbs", "webhooks.yaml", excepted ?? ns))
                .OfType<V1ValidatingWebhookConfiguration>().Single();
            var all = items.OfType<V1ValidatingWebhookConfiguration>().Single(item => item.Metadata.Name == added.Metadata.Name);
            all.Webhooks = [.. all.Webhooks, .. added.Webhooks];
        }

        foreach (var item in items)
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
        await UntilWrittenAsync(async () =>
        {
            var found = await _client.ReadMutatingWebhookConfigurationAsync(Name, cancellationToken: Cancellation);
            foreach (var webhook in found.Webhooks) change(webhook.ClientConfig);
            await _client.ReplaceMutatingWebhookConfigurationAsync(found, Name, cancellationToken: Cancellation);
        });
        await UntilWrittenAsync(async () =>
        {
            var found = await _client.ReadValidatingWebhookConfigurationAsync(Name, cancellationToken: Cancellation);
            foreach (var webhook in found.Webhooks) change(webhook.ClientConfig);
            await _client.ReplaceValidatingWebhookConfigurationAsync(found, Name, cancellationToken: Cancellation);
        });
    }

    public async ValueTask DisposeAsync()
    {
        await _client.DeleteMutatingWebhookConfigurationAsync(Name);
        await _client.DeleteValidatingWebhookConfigurationAsync(Name);
        if (_role is not null)
        {
            await _client.DeleteClusterRoleBindingAsync(_role.Metadata.Name);
            await _client.DeleteClusterRoleAsync(_role.Metadata.Name);
        }

        _client.Dispose();
    }

    private static async Task<List<object>> LoadAsync(string folder, string file, string ns)
    {
        var yaml = await File.ReadAllTextAsync(Path.Combine(Manifests.Root, "deploy", folder, file), Cancellation);
        return KubernetesYaml.LoadAllFromString(
            yaml.Replace("serviceaccount:modulecontroller-system:", $"serviceaccount:{ns}:", StringComparison.Ordinal));
    }

    /// <summary>The role of the component, for the controller's ServiceAccount in this namespace.</summary>
    private async Task PermitAsync(string ns)
    {
        var items = await LoadAsync("authorize-verbs", "role.yaml", ns);
        var (role, binding) = (items.OfType<V1ClusterRole>().Single(), items.OfType<V1ClusterRoleBinding>().Single());
        binding.Subjects.Single().NamespaceProperty = ns;
        _role = await _client.CreateClusterRoleAsync(role, cancellationToken: Cancellation);
        await _client.CreateClusterRoleBindingAsync(binding, cancellationToken: Cancellation);
    }

    /// <summary>The leader may write the same object.</summary>
    private static Task UntilWrittenAsync(Func<Task> write) => Eventually.True(async () =>
    {
        try
        {
            await write();
            return true;
        }
        catch (HttpOperationException conflict) when (conflict.Response.StatusCode == HttpStatusCode.Conflict)
        {
            return false;
        }
    });

    private static void ByUrl(Admissionregistrationv1WebhookClientConfig client, Uri address)
    {
        client.Url = new UriBuilder(address) { Host = "localhost", Path = client.Service.Path }.Uri.AbsoluteUri;
        client.Service = null;
    }
}
