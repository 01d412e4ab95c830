using k8s;
using k8s.KubeConfigModels;
using k8s.Models;

namespace ModuleController.SystemTests.Harness;

/// <summary>
/// The controller's own ServiceAccount in one namespace, with the rules that deploy/controller ships and no others. What belongs
/// to the whole cluster has the namespace in its name, and is removed at the end.
/// </summary>
internal sealed class ControllerAccount : IAsyncDisposable
{
    private readonly K8SConfiguration _configuration;
    private readonly Kubernetes _client;
    private readonly string _namespace;
    private string _token = "";

    private ControllerAccount(K8SConfiguration configuration, string ns)
    {
        (_configuration, _namespace) = (configuration, ns);
        _client = new(KubernetesClientConfiguration.BuildConfigFromConfigObject(configuration));
    }

    public string User => $"system:serviceaccount:{_namespace}:{Name}";

    private static string Name => "modulecontroller";

    private string ClusterRole => $"{Name}-{_namespace}";

    /// <param name="kubeconfig">An administrator's.</param>
    public static async Task<ControllerAccount> CreateAsync(string kubeconfig, string ns, CancellationToken cancellation)
    {
        var account = new ControllerAccount(await KubernetesClientConfiguration.LoadKubeConfigAsync(kubeconfig), ns);
        try
        {
            foreach (var file in (string[])["service-account", "cluster-role", "lease-role"])
            {
                var yaml = await File.ReadAllTextAsync(Path.Combine(Manifests.Root, "deploy", "controller", $"{file}.yaml"), cancellation);
                foreach (var item in KubernetesYaml.LoadAllFromString(yaml)) await account.ApplyAsync(item, cancellation);
            }

            var request = new Authenticationv1TokenRequest { Spec = new() { ExpirationSeconds = 86400, Audiences = [] } };
            var answer = await account._client.CoreV1.CreateNamespacedServiceAccountTokenAsync(request, Name, ns,
                cancellationToken: cancellation);
            account._token = answer.Status.Token;
            return account;
        }
        catch
        {
            await account.DisposeAsync();
            throw;
        }
    }

    /// <summary>The administrator's kubeconfig with the account's token in place of the user's credentials.</summary>
    public async Task WriteKubeconfigAsync(string path, CancellationToken cancellation)
    {
        var context = _configuration.Contexts.Single(known => known.Name == _configuration.CurrentContext);
        var configuration = new K8SConfiguration
        {
            ApiVersion = "v1",
            Kind = "Config",
            CurrentContext = context.Name,
            Contexts = [context],
            Clusters = [_configuration.Clusters.Single(known => known.Name == context.ContextDetails.Cluster)],
            Users = [new() { Name = context.ContextDetails.User, UserCredentials = new() { Token = _token } }],
        };
        await File.WriteAllTextAsync(path, KubernetesYaml.Serialize(configuration), cancellation);
    }

    /// <summary>Removes what is not in the namespace.</summary>
    public async ValueTask DisposeAsync()
    {
        try
        {
            await _client.RbacAuthorizationV1.DeleteClusterRoleBindingAsync(ClusterRole);
            await _client.RbacAuthorizationV1.DeleteClusterRoleAsync(ClusterRole);
        }
        finally
        {
            _client.Dispose();
        }
    }

    private Task ApplyAsync(object item, CancellationToken cancellation)
    {
        switch (item)
        {
            case V1ServiceAccount account:
                account.Metadata.NamespaceProperty = _namespace;
                return _client.CoreV1.CreateNamespacedServiceAccountAsync(account, _namespace, cancellationToken: cancellation);
            case V1ClusterRole role:
                role.Metadata.Name = ClusterRole;
                return _client.RbacAuthorizationV1.CreateClusterRoleAsync(role, cancellationToken: cancellation);
            case V1ClusterRoleBinding binding:
                binding.Metadata.Name = binding.RoleRef.Name = ClusterRole;
                binding.Subjects.Single().NamespaceProperty = _namespace;
                return _client.RbacAuthorizationV1.CreateClusterRoleBindingAsync(binding, cancellationToken: cancellation);
            case V1Role role:
                role.Metadata.NamespaceProperty = _namespace;
                return _client.RbacAuthorizationV1.CreateNamespacedRoleAsync(role, _namespace, cancellationToken: cancellation);
            case V1RoleBinding binding:
                binding.Metadata.NamespaceProperty = binding.Subjects.Single().NamespaceProperty = _namespace;
                return _client.RbacAuthorizationV1.CreateNamespacedRoleBindingAsync(binding, _namespace, cancellationToken: cancellation);
            default:
                throw new NotSupportedException($"{item.GetType().Name} is no part of the controller's account");
        }
    }
}
