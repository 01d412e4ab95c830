using k8s;
using k8s.Authentication;
using k8s.KubeConfigModels;

namespace ModuleController.Kube.Client;

/// <summary>
/// The way to an API server: address, credentials and TLS, as KubernetesClient reads them from a kubeconfig or a pod's
/// service account. Its HttpClient is all we use of it.
/// </summary>
public sealed class Transport : IDisposable
{
    /// <summary>
    /// How much the API server may send on one HTTP/2 stream before we read it. An API server buffers some 100 events for each
    /// watcher and ends a watch that is further behind; with the usual 64 KiB, a burst of a few hundred objects ends it. This is
    /// the most that .NET allows, and only what is not read yet takes memory.
    /// </summary>
    private const int StreamWindow = 16 * 1024 * 1024;

    private readonly Kubernetes _kubernetes;

    private Transport(KubernetesClientConfiguration configuration)
    {
        // Half-open connections fail within half a minute instead of three and a half.
        configuration.FirstMessageHandlerSetup = handler =>
        {
            // .NET knows no CIDR in NO_PROXY, so the proxy that is meant for downloads would get the calls to the API server.
            handler.UseProxy = false;
            handler.KeepAlivePingPolicy = HttpKeepAlivePingPolicy.Always;
            handler.KeepAlivePingDelay = TimeSpan.FromSeconds(15);
            handler.KeepAlivePingTimeout = TimeSpan.FromSeconds(15);
            handler.ConnectTimeout = TimeSpan.FromSeconds(10);
            handler.EnableMultipleHttp2Connections = true;
            handler.InitialHttp2StreamWindowSize = StreamWindow;
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
    public static Transport FromKubeconfig(string? file = null, string? context = null)
    {
        var config = KubernetesClientConfiguration.LoadKubeConfig(file);
        context ??= config.CurrentContext;

        // A user without credentials is fine for kubectl, and an error for KubernetesClient, which takes no user instead.
        var details = config.Contexts.FirstOrDefault(known => known.Name == context)?.ContextDetails;
        var user = config.Users?.FirstOrDefault(known => known.Name == details?.User)?.UserCredentials;
        var tokenFile = details?.User is { } name ? TokenFileOf(config.FileName, name) : null;
        if (details is not null && (user is null || HasNoCredentials(user))) details.User = null;
        var configuration = KubernetesClientConfiguration.BuildConfigFromConfigObject(config, context);
        if (tokenFile is not null) configuration.TokenProvider = new TokenFileAuth(tokenFile);
        return new(configuration);
    }

    /// <summary>From the service account of the pod that we run in.</summary>
    public static Transport InCluster() => new(KubernetesClientConfiguration.InClusterConfig());

    public static bool IsInCluster => KubernetesClientConfiguration.IsInCluster();

    /// <summary>To a server at an address, with a bearer token or without credentials.</summary>
    public static Transport To(Uri address, string? token = null) => new(new() { Host = address.AbsoluteUri, AccessToken = token });

    /// <summary>
    /// The file with a user's token, which is read again as it changes; KubernetesClient does not know this field of a kubeconfig.
    /// A relative path starts at the folder of the kubeconfig.
    /// </summary>
    private static string? TokenFileOf(string kubeconfig, string user)
    {
        static object? Field(object? map, string name) =>
            map is IDictionary<object, object> fields && fields.TryGetValue(name, out var value) ? value : null;

        var document = KubernetesYaml.Deserialize<Dictionary<string, object>>(File.ReadAllText(kubeconfig));
        var entry = (document.GetValueOrDefault("users") as IEnumerable<object>)?.FirstOrDefault(known =>
            Equals(Field(known, "name"), user));
        return Field(Field(entry, "user"), "tokenFile") is string { Length: > 0 } file
            ? Path.Combine(Path.GetDirectoryName(Path.GetFullPath(kubeconfig))!, file) : null;
    }

    private static bool HasNoCredentials(UserCredentials user) =>
        string.IsNullOrEmpty(user.Token) && string.IsNullOrEmpty(user.UserName)
        && string.IsNullOrEmpty(user.ClientCertificate) && string.IsNullOrEmpty(user.ClientCertificateData)
        && user.AuthProvider is null && user.ExternalExecution is null;

    internal async Task AuthenticateAsync(HttpRequestMessage request, CancellationToken cancellation)
    {
        if (_kubernetes.Credentials is { } credentials) await credentials.ProcessHttpRequestAsync(request, cancellation);
    }

    public void Dispose() => _kubernetes.Dispose();
}
