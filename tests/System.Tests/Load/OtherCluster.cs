using ModuleController.Core.Builtin;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Dev.Cluster;
using ModuleController.Dev.Kubelet.Containers;
using ModuleController.Dev.Kubelet.Runtimes;
using ModuleController.Dev.Load.Clusters;
using ModuleController.Kube.Client;

namespace ModuleController.SystemTests.Load;

/// <summary>A cluster that belongs to somebody else, as far as load runs and test worlds can tell: they have its kubeconfig only.</summary>
internal sealed class OtherCluster : IAsyncDisposable
{
    private readonly LogGuard _logs = new();
    private readonly string _directory = Directory.CreateTempSubdirectory("mc-other-").FullName;
    private Cluster _cluster = null!;

    private OtherCluster()
    {
    }

    public string Kubeconfig => Path.Combine(_directory, "kubeconfig");

    public KubeClient Client { get; private set; } = null!;

    public static async Task<OtherCluster> StartAsync()
    {
        var other = new OtherCluster();
        other._cluster = await Cluster.StartAsync(
            new()
            {
                Server = new() { Address = OwnAddress.Next() },
                Runtime = new DelegateRuntime(new Dictionary<string, Func<ContainerStart, CancellationToken, Task<int>>>()),
                Loggers = other._logs,
            },
            TestContext.Current.CancellationToken);
        await other._cluster.Server.WriteKubeconfigAsync(other.Kubeconfig);
        other.Client = new(Transport.To(other._cluster.Server.ServerUri, other._cluster.Server.AdminToken),
            new ResourceJson(ModulesJson.Default, LoadJson.Default));
        return other;
    }

    /// <summary>Ends the cluster: whoever uses it sees that nothing answers.</summary>
    public ValueTask EndAsync() => _cluster.DisposeAsync();

    /// <summary>Everything that a run could leave: namespaces and Nodes with their Leases, and what namespaces contain.</summary>
    public async Task<IReadOnlyList<string>> ContentAsync() =>
    [
        .. await NamesAsync<Namespace>(), .. await NamesAsync<Node>(), .. await NamesAsync<Lease>(), .. await NamesAsync<Pod>(),
        .. await NamesAsync<Deployment>(), .. await NamesAsync<ReplicaSet>(), .. await NamesAsync<ModuleDeployment>(),
        .. await NamesAsync<ModuleReplicaSet>(), .. await NamesAsync<Module>(),
    ];

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _cluster.DisposeAsync();
        _logs.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    private async Task<IEnumerable<string>> NamesAsync<T>() where T : class, IResource
    {
        try
        {
            return (await Client.ListAllAsync<T>()).Select(item => $"{T.Kind.Plural} {ObjectKey.Of(item.Metadata)}")
                .Order(StringComparer.Ordinal);
        }
        catch (KubeException problem) when (problem.IsNotFound)
        {
            return [];      // its definition was never created
        }
    }
}
