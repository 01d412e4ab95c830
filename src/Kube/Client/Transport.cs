using k8s;

namespace ModuleController.Kube;

/// <summary>
/// The way to an API server: address, credentials and TLS, as KubernetesClient reads them from a kubeconfig or a pod's
/// service account. Its HttpClient is all we use of it.
/// </summary>
public sealed class Transport : IDisposable
{
    private readonly Kubernetes _kubernetes;

    private Transport(KubernetesClientConfiguration configuration)
    {
        // Half-open connections fail within half a minute instead of three and a half.
        configuration.FirstMessageHandlerSetup = handler =>
        {
            handler.KeepAlivePingPolicy = HttpKeepAlivePingPolicy.Always;
            handler.KeepAlivePingDelay = TimeSpan.FromSeconds(15);
            handler.KeepAlivePingTimeout = TimeSpan.FromSeconds(15);
            handler.ConnectTimeout = TimeSpan.FromSeconds(10);
            handler.EnableMultipleHttp2Connections = true;
            handler.PooledConnectionLifetime = TimeSpan.FromMinutes(10);
        };
        Namespace = configuration.Namespace;
        _kubernetes = new(configuration);
    }

    public Uri BaseUri => _kubernetes.BaseUri;

    /// <summary>The namespace of the context or service account, if it names one.</summary>
    public string? Namespace { get; }

    internal HttpClient Http => _kubernetes.HttpClient;

    /// <summary>From a kubeconfig; without a file, the one that kubectl would use.</summary>
    public static Transport FromKubeconfig(string? file = null, string? context = null) =>
        new(KubernetesClientConfiguration.BuildConfigFromConfigFile(file, context));

    /// <summary>From the service account of the pod that we run in.</summary>
    public static Transport InCluster() => new(KubernetesClientConfiguration.InClusterConfig());

    public static bool IsInCluster => KubernetesClientConfiguration.IsInCluster();

    /// <summary>To a server that asks for no credentials, over plain HTTP.</summary>
    public static Transport To(Uri address) => new(new KubernetesClientConfiguration { Host = address.AbsoluteUri });

    internal async Task AuthenticateAsync(HttpRequestMessage request, CancellationToken cancellation)
    {
        if (_kubernetes.Credentials is { } credentials) await credentials.ProcessHttpRequestAsync(request, cancellation);
    }

    public void Dispose() => _kubernetes.Dispose();
}
