using Microsoft.Extensions.Logging;
using ModuleController.ControlPlane;
using ModuleController.ControlPlane.Settings;
using ModuleController.Core.Builtin;
using ModuleController.Core.Modules;
using ModuleController.Dev.ArkletSimulator;
using ModuleController.Dev.Cluster;
using ModuleController.Dev.Controllers;
using ModuleController.Dev.Kubelet;
using ModuleController.Dev.Kubelet.Resources;
using ModuleController.Dev.Load.Cleanup;
using ModuleController.Dev.Load.Clusters;
using ModuleController.Kube.Caches;
using ModuleController.Kube.Client;

namespace ModuleController.SystemTests.Harness;

/// <summary>
/// Everything in one process: an API server, its kubelet, a controller, and base pods with real agents and simulated bases.
/// With MODULECONTROLLER_TEST_KUBECONFIG the API server is that one, in a namespace of the test's own.
/// </summary>
internal sealed class World : IAsyncDisposable
{
    private readonly Stack<Func<ValueTask>> _disposals = new();
    private readonly string _directory = Directory.CreateTempSubdirectory("mc-system-").FullName;
    private readonly List<ClusterCleanup> _cleanups = [];
    private ClusterCleanup? _cleanup;

    private World()
    {
        _controllerTime = new(() => Controller?.Agents.AcceptingSince < DateTimeOffset.MaxValue);
        Images = new(Log);
        Client = null!;
        Modules = null!;
        Pods = null!;
    }

    public LogGuard Log { get; } = new();

    public SimulatedImages Images { get; }

    /// <summary>By which the controller renews its certificates.</summary>
    public ShiftedClock CertificateClock { get; } = new();

    public KubeClient Client { get; private set; }

    /// <summary>To be changed before the start; with somebody else's API server it is one of the test's own.</summary>
    public string Namespace { get; set; } = "default";

    /// <summary>Where the controller's Lease is kept, if elsewhere; with somebody else's API server a namespace of the test's
    /// own.</summary>
    public string? LeaseNamespace { get; set; }

    /// <summary>Somebody else's API server; null: an embedded one. To be changed before the start.</summary>
    public string? OtherKubeconfig { get; set; } =
        Environment.GetEnvironmentVariable("MODULECONTROLLER_TEST_KUBECONFIG") is { Length: > 0 } file ? file : null;

    /// <summary>The folder of the CustomResourceDefinitions of an embedded API server; to be changed before the start.</summary>
    public string CrdFolder { get; set; } = "deploy/crds";

    /// <summary>The administrator's, for programs that are to see this world.</summary>
    public string Kubeconfig => Path.Combine(_directory, "kubeconfig");

    /// <summary>That of the controller's own ServiceAccount.</summary>
    private string ControllerKubeconfig => Path.Combine(_directory, "controller.kubeconfig");

    /// <summary>Whether the API server checks what a reference that blocks its owner's deletion requires; to be changed before the
    /// start.</summary>
    public bool EnforcesOwnerPermissions { get; set; }

    /// <summary>Null where the API server is somebody else's.</summary>
    public Cluster? Cluster { get; private set; }

    public ControlPlaneHost? Controller { get; private set; }

    public Informer<Module> Modules { get; private set; }

    public Informer<Pod> Pods { get; private set; }

    private readonly EarlierStart _controllerTime;
    private ControlPlaneOptions _controllerOptions = new();
    private ControllerAccount? _account;

    private ControlPlaneSetup Setup => new()
    {
        Time = _controllerTime,
        CertificateTime = CertificateClock,
        Logging = logging => logging.AddProvider(Log).SetMinimumLevel(LogLevel.Debug)
            .AddFilter("Microsoft", LogLevel.Warning).AddFilter("Grpc", LogLevel.None),
    };

    public static async Task<World> StartAsync(Action<World>? configure = null)
    {
        var world = new World();
        configure?.Invoke(world);
        try
        {
            await world.StartPartsAsync(TestContext.Current.CancellationToken);
            return world;
        }
        catch
        {
            await world.DisposeAsync();
            throw;
        }
    }

    /// <summary>Settings of the controller; to be changed before the start.</summary>
    public Func<ControlPlaneOptions, ControlPlaneOptions> ConfigureController { get; set; } = options => options;

    public Task StartControllerAsync() => StartControllerAsync(TestContext.Current.CancellationToken);

    private async Task StartControllerAsync(CancellationToken cancellation)
    {
        foreach (var port in (int[])[_controllerOptions.GrpcPort, _controllerOptions.HttpPort])
            if (port != 0) await Addresses.UntilFreeAsync(new(_controllerOptions.Bind!, port), cancellation);
        Controller = await ControlPlaneHost.StartAsync(_controllerOptions, Setup, cancellation);
        // Agents dial a fixed address, also after a restart.
        _controllerOptions = _controllerOptions with { GrpcPort = Controller.AgentAddress.Port, HttpPort = Controller.HttpAddress.Port };
    }

    /// <summary>Ends the controller, and starts one with other settings.</summary>
    public async Task ReconfigureControllerAsync(Func<ControlPlaneOptions, ControlPlaneOptions> change)
    {
        await StopControllerAsync();
        _controllerOptions = change(_controllerOptions);
        await StartControllerAsync();
    }

    /// <summary>Another replica beside the first, on ports of its own; it waits for the lease.</summary>
    public async Task<ControlPlaneHost> StartStandbyAsync()
    {
        var standby = await ControlPlaneHost.StartAsync(_controllerOptions with { GrpcPort = 0, HttpPort = 0, PodName = "standby" }, Setup);
        _disposals.Push(standby.DisposeAsync);
        return standby;
    }

    /// <summary>Ends the controller; abruptly: without releasing the lease is not possible in one process, so tests of that kill
    /// processes.</summary>
    public async Task StopControllerAsync()
    {
        if (Controller is not { } controller) return;
        Controller = null;
        await controller.DisposeAsync();
    }

    /// <summary>On somebody else's API server nothing that the test created is left afterwards.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_cleanup is not null)
        {
            await RestartControllerAsync();
            await _cleanup.EmptyAsync();
        }

        await StopControllerAsync();
        var accesses = Cluster?.Server.AccessLog;
        while (_disposals.TryPop(out var dispose)) await dispose();
        if (Directory.Exists(_directory)) Directory.Delete(_directory, recursive: true);
        var denied = _account is null ? [] : accesses is null ? Log.Denied(_account.User) : ControllerUsage.Add(_account.User, accesses);
        if (TestContext.Current.TestState?.Result is not null) return;
        Log.Dispose();
        Assert.Empty(denied);
        Assert.Empty(_cleanups.SelectMany(cleanup => cleanup.Problems));
    }

    private async Task StartPartsAsync(CancellationToken cancellation)
    {
        if (OtherKubeconfig is { } kubeconfig) await UseAsync(kubeconfig, cancellation);
        else await EmbedAsync(cancellation);

        _account = await ControllerAccount.CreateAsync(Kubeconfig, LeaseNamespace ?? Namespace, cancellation);
        _disposals.Push(_account.DisposeAsync);
        await _account.WriteKubeconfigAsync(ControllerKubeconfig, cancellation);

        var informers = new InformerFactory(Client, TimeProvider.System, Log);
        Modules = informers.Of<Module>(new() { Namespace = Namespace });
        Pods = informers.Of<Pod>(new() { Namespace = Namespace });
        informers.Start();
        _disposals.Push(informers.DisposeAsync);
        await informers.WaitForSyncAsync(cancellation);

        _controllerOptions = ConfigureController(new()
        {
            Kubeconfig = ControllerKubeconfig,
            Bind = OwnAddress.Next(),
            HttpPort = 0,
            GrpcPort = 0,
            Namespace = LeaseNamespace ?? Namespace,
            WatchNamespace = Cluster is null ? Namespace : null,
            // A lease is released when a test ends its controller, and no machine that stands still for seconds costs it.
            LeaseDuration = TimeSpan.FromSeconds(60),
            LeaseRenew = TimeSpan.FromSeconds(45),
            LeaseRetry = TimeSpan.FromMilliseconds(500),
            SuccessorWait = TimeSpan.Zero,
            Agents = new() { AllowInsecure = true },
        });
        await StartControllerAsync(cancellation);
    }

    /// <summary>Modules have finalizers that only a controller removes, and a test may have stopped it.</summary>
    private async Task RestartControllerAsync()
    {
        if (Controller is not null || _controllerOptions.Kubeconfig is null) return;
        try
        {
            await StartControllerAsync(CancellationToken.None);
        }
        catch (Exception problem)
        {
            Log.CreateLogger<World>().LogWarning(problem, "The controller did not start again, so the cleanup removes finalizers");
        }
    }

    private async Task EmbedAsync(CancellationToken cancellation)
    {
        Cluster = await Cluster.StartAsync(
            new()
            {
                Server = new() { Address = OwnAddress.Next(), EnforcesOwnerPermissions = EnforcesOwnerPermissions },
                Runtime = Images.Runtime,
                Directory = Path.Combine(_directory, "pods"),
                Loggers = Log
            }, cancellation);
        _disposals.Push(Cluster.DisposeAsync);
        await Cluster.Server.WriteKubeconfigAsync(Kubeconfig, cancellation);
        Connect(Transport.To(Cluster.Server.ServerUri, Cluster.Server.AdminToken));
        await Manifests.ApplyCrdsAsync(Cluster.Server, CrdFolder, cancellation);
        if (Namespace != "default")
            await Client.CreateAsync(new Namespace { Metadata = new() { Name = Namespace } }, "test", cancellation);
    }

    private async Task UseAsync(string kubeconfig, CancellationToken cancellation)
    {
        Termination.ActAsInterrupt();
        File.Copy(kubeconfig, Kubeconfig);
        Connect(Transport.FromKubeconfig(kubeconfig));
        await Crds.ApplyAsync(Client, cancellation);
        Namespace = $"mc-test-{Guid.NewGuid().ToString("N")[..8]}";
        if (LeaseNamespace is not null) _ = await CreateNamespaceAsync(LeaseNamespace = $"{Namespace}-lease", cancellation);
        _cleanup = await CreateNamespaceAsync(Namespace, cancellation);

        var kubelet = new OwnKubelet(Client, Namespace, Images.Runtime, Path.Combine(_directory, "pods"), Log);
        _disposals.Push(kubelet.DisposeAsync);
        await kubelet.StartAsync(cancellation);
    }

    /// <summary>A namespace that is removed at the end.</summary>
    private async Task<ClusterCleanup> CreateNamespaceAsync(string name, CancellationToken cancellation)
    {
        var logger = Log.CreateLogger<ClusterCleanup>();
        var cleanup = new ClusterCleanup(Client, name, new(), problem => logger.LogWarning("{Problem}", problem));
        _cleanups.Add(cleanup);
        _disposals.Push(async () =>
        {
            await cleanup.RemoveAsync();
            cleanup.Dispose();
        });
        await Client.CreateAsync(new Namespace { Metadata = new() { Name = name } }, "test", cancellation);
        return cleanup;
    }

    private void Connect(Transport transport)
    {
        var client = new KubeClient(
            transport, new ResourceJson(ModulesJson.Default, KubeletJson.Default, ClusterJson.Default, LooseJson.Default, LoadJson.Default),
            new() { UserAgent = "system-tests" });
        _disposals.Push(() =>
        {
            client.Dispose();
            return ValueTask.CompletedTask;
        });
        Client = client;
    }

    /// <summary>Writes a jar and says its URL.</summary>
    public string Jar(string name, string version, string? path = null, IReadOnlyDictionary<string, string>? attributes = null)
    {
        var folder = Directory.CreateDirectory(Path.Combine(_directory, "jars")).FullName;
        var file = Path.Combine(folder, $"{name}-{version}.jar");
        if (!File.Exists(file)) SampleJar.Write(file, name, version, path ?? name, attributes);
        return new Uri(file).AbsoluteUri;
    }

    /// <summary>
    /// Until the caches of this world show all that the API server has by now. Each kind has a watch of its own: what a test saw
    /// in one of them, or asked the API server for, need not have arrived in the other.
    /// </summary>
    public async Task CaughtUpAsync()
    {
        await Eventually.True(async () =>
            Followed.HasSeen(Modules.List(), await Client.ListAsync<Module>(new() { Namespace = Namespace })));
        await Eventually.True(async () => Followed.HasSeen(Pods.List(), await Client.ListAsync<Pod>(new() { Namespace = Namespace })));
    }

    public IReadOnlyList<Pod> PodsOf(string app) =>
        [.. Pods.List().Where(pod => pod.Metadata.Labels.GetValueOrDefault("app") == app && !pod.Metadata.IsDeleting)];
}
