using System.Net;
using ModuleController.ControlPlane.Access;
using ModuleController.ControlPlane.Admission;
using ModuleController.ControlPlane.Agents;
using ModuleController.ControlPlane.Agents.Identity;
using ModuleController.ControlPlane.Certificates;
using ModuleController.ControlPlane.Control;
using ModuleController.ControlPlane.Observing;
using ModuleController.ControlPlane.Settings;
using ModuleController.ControlPlane.Telemetry;
using ModuleController.Core.Commands;
using ModuleController.Core.Modules;
using ModuleController.Kube;
using ModuleController.Kube.Caches;
using ModuleController.Kube.Client;
using ModuleController.Kube.Hosting;

namespace ModuleController.ControlPlane;

/// <summary>What a test may want to be otherwise than in a program.</summary>
public sealed record ControlPlaneSetup
{
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>By which certificates are renewed; null: by <see cref="Time"/>.</summary>
    public TimeProvider? CertificateTime { get; init; }

    public Action<ILoggingBuilder> Logging { get; init; } = _ => { };

    public Action<Manager, ReconcilerParts> Reconcilers { get; init; } = Composition.AddReconcilers;
}

/// <summary>A controller that runs, from its ports to its reconcilers.</summary>
/// <remarks>
/// It starts HTTP, caches, gateway (refusing), leader, workers, and stops in reverse order. A lost lease ends it:
/// <see cref="Completion"/> then fails with <see cref="LeadershipLostException"/>.
/// </remarks>
public sealed class ControlPlaneHost : IAsyncDisposable
{
    private readonly ControlPlaneOptions _options;
    private readonly TimeProvider _time;
    private readonly ILoggerFactory _loggers;
    private readonly KubeMetrics _kubeMetrics;
    private readonly AgentMetrics _agentMetrics;
    private readonly ModuleMetrics _moduleMetrics;
    private readonly AdmissionMetrics _admissionMetrics;
    private readonly KubeClient _client;
    private readonly KubeClient _leaseClient;
    private readonly InformerFactory _informers;
    private readonly LeaderGate _gate;
    private readonly AgentDirectory _agents;
    private readonly TokenReviews _reviews;
    private readonly HandshakeLimit _handshakes;
    private readonly KnownPods _pods;
    private readonly CertificateSource? _certificate;
    private readonly WebApplication _web;
    private readonly AdmissionServer? _webhooks;
    private readonly ControlServer? _control;
    private readonly MetricsAccess _metricsAccess;
    private readonly CancellationTokenSource _stop = new();
    private LeaderElection? _election;
    private EventRecorder? _events;

    private ControlPlaneHost(ControlPlaneOptions options, ControlPlaneSetup setup)
    {
        (_options, _time) = (options, setup.Time);
        _kubeMetrics = new(this);
        _agentMetrics = new(this);
        _admissionMetrics = new(this);
        // What keeps the ports from opening is thrown; the web host would log it besides, with its stack trace.
        _loggers = LoggerFactory.Create(logging =>
        {
            setup.Logging(logging);
            logging.AddFilter("Microsoft.Extensions.Hosting", LogLevel.None);
        });
        var transport = Connect(options);
        LeaseNamespace = options.Namespace ?? transport.Namespace ?? "default";
        _client = new(
            transport, new(ModulesJson.Default, AccessJson.Default), metrics: _kubeMetrics, time: _time,
            logger: _loggers.CreateLogger<KubeClient>());
        // Renewals have a connection of their own: they wait for no list, and for no connection that has lost its server.
        _leaseClient = new(
            Connect(options), new(ModulesJson.Default), new() { UsesHttp2 = false, Attempts = 1 }, _kubeMetrics, _time,
            _loggers.CreateLogger<KubeClient>());
        _informers = new(_client, _time, _loggers, _kubeMetrics);
        Caches = new(_informers, options.WatchNamespace);
        _moduleMetrics = new(Caches, this);

        _gate = new(_time, () => _election?.OtherLeader?.Address);
        var epochs = new AgentEpochs(
            _gate, key => Caches.Pods.Get(key) is { } pod && BasePods.IsBasePod(Caches, pod),
            (hello, text) =>
            {
                if (Caches.Pods.Get(hello.Pod) is { } pod) _events?.Record(pod, EventRecorder.Warning, nameof(FailureReason.Fenced), text);
            },
            _time, _loggers.CreateLogger<AgentEpochs>());
        _agents = new(_gate, epochs, options.Agents, _agentMetrics, _time);
        _agentMetrics.ObserveSessions(() => _agents.Connected, () => _agents.Streams);
        var baseAgents = new BaseAgents(Caches, _agents, options);
        _moduleMetrics.ObserveHeldBases(() => baseAgents.CountOutages(_time.GetUtcNow()));
        _pods = new(
            Caches.Pods, _client, _time, _agents.Forget, (pod, uid) => _agents.Close(pod, uid, $"the containers of pod {pod} have ended"));
        _handshakes = new(_time);
        _reviews = new(_client, options.Agents.Audience, _time, _loggers.CreateLogger<TokenReviews>());
        var keys = new SigningKeys(_client.ReadDocumentAsync, _time, _loggers.CreateLogger<SigningKeys>());
        var authenticator = new AgentAuthenticator(keys, _reviews, options.Agents, _time);
        var admission = new AgentAdmission(_gate, _pods, epochs, options.Agents, _loggers.CreateLogger<AgentAdmission>());
        _metricsAccess = new(_client, _time, _loggers.CreateLogger<MetricsAccess>());
        _certificate = CertificateSource.Create(options, _informers, LeaseNamespace, _loggers);
        _web = WebServer.Build(
            options, new(authenticator, admission, _agents, _gate, options.Agents, _agentMetrics, _handshakes, _metricsAccess, _time),
            _certificate?.Serving, () => _informers.IsSynced, this, _loggers);
        if (options.WebhookPort is { } port && _certificate is not null)
        {
            _webhooks = new(
                options.Bind, port, _certificate.Serving,
                AdmissionHandlers.Create(new(Caches, () => _informers.IsSynced, _client, options, LeaseNamespace, _time, _loggers)),
                () => _informers.IsSynced, _admissionMetrics, _time, _loggers);
        }

        if (options.ControlPort is { } controlPort && _certificate is not null)
        {
            _control = new(
                options.Bind, controlPort, _certificate.Serving, new(Caches, _client, () => _informers.IsSynced, _time, _loggers));
        }
    }

    /// <summary>Ends when the controller stops; fails if it had to stop.</summary>
    public Task Completion { get; private set; } = Task.CompletedTask;

    /// <summary><c>/healthz</c>, <c>/readyz</c>, and <c>/metrics</c> if it has no port of its own.</summary>
    public Uri HttpAddress { get; private set; } = null!;

    /// <summary>Where <c>/metrics</c> needs a token; null: it is on the HTTP port.</summary>
    public Uri? MetricsAddress { get; private set; }

    /// <summary>Where agents connect.</summary>
    public Uri AgentAddress { get; private set; } = null!;

    /// <summary>Where the API server calls webhooks; null: there are none.</summary>
    public Uri? WebhookAddress => _webhooks?.Address;

    /// <summary>Where tools and people call the control API; null: it is not served.</summary>
    public Uri? ControlAddress => _control?.Address;

    public string LeaseNamespace { get; }

    public Caches Caches { get; }

    public IAgentDirectory Agents => _agents;

    /// <summary>It leads, and agents are let in.</summary>
    public bool IsLeading => _gate.IsOpen;

    /// <summary>Returns when the ports are open; caches, leadership and workers follow by themselves.</summary>
    public static async Task<ControlPlaneHost> StartAsync(
        ControlPlaneOptions options, ControlPlaneSetup? setup = null, CancellationToken cancellation = default)
    {
        setup ??= new();
        var host = new ControlPlaneHost(options, setup);
        try
        {
            await host._web.StartAsync(cancellation);
            var addresses = WebServer.Addresses(host._web);
            (host.HttpAddress, host.AgentAddress, host.MetricsAddress) = (addresses[0], addresses[1], addresses.ElementAtOrDefault(2));
            if (host._webhooks is not null) await host._webhooks.StartAsync(cancellation);
            if (host._control is not null) await host._control.StartAsync(cancellation);
            var manager = host.Compose(setup);
            host.Completion = Task.Run(() => manager.RunAsync(host._stop.Token), CancellationToken.None);
            return host;
        }
        catch
        {
            await host.DisposeAsync();
            throw;
        }
    }

    /// <summary>Releases the lease and stops in order. What ended it before is thrown.</summary>
    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await Completion;
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Completion.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _web.DisposeAsync();
        if (_webhooks is not null) await _webhooks.DisposeAsync();
        if (_control is not null) await _control.DisposeAsync();
        await _informers.DisposeAsync();
        _events?.Dispose();
        _election?.Dispose();
        _pods.Dispose();
        _reviews.Dispose();
        _metricsAccess.Dispose();
        _handshakes.Dispose();
        _agents.Dispose();
        _client.Dispose();
        _leaseClient.Dispose();
        _moduleMetrics.Dispose();
        _agentMetrics.Dispose();
        _admissionMetrics.Dispose();
        _kubeMetrics.Dispose();
        _loggers.Dispose();
        _stop.Dispose();
    }

    // The election starts after the ports: it writes their address into the Lease.
    private Manager Compose(ControlPlaneSetup setup)
    {
        var identity = LeaderIdentity.Create(_options.PodName ?? Environment.MachineName, _options.Advertise ?? OwnAddress());
        var election = _election = new(
            _leaseClient,
            new(new(LeaseNamespace, _options.LeaseName), identity)
            {
                Duration = _options.LeaseDuration,
                RenewDeadline = _options.LeaseRenew,
                RetryPeriod = _options.LeaseRetry,
                SuccessorWait = _options.SuccessorWait,
                EpochFloor = _options.EpochFloor,
            },
            _time, _loggers.CreateLogger<LeaderElection>());
        var events = _events = new(
            _client, "modulecontroller", identity.Name, _time, _loggers.CreateLogger<EventRecorder>(), _kubeMetrics,
            ns => Caches.Namespaces.Get(new("", ns)) is { Metadata.IsDeleting: true });
        var leadership = new Leadership(
            () => election.IsLeader, () =>
                (ulong)election.Epoch, (epoch, cancellation) => election.RaiseEpochAsync((long)epoch, cancellation));
        election.Lost.Register(_gate.Close);

        var manager = new Manager(_informers, _time, _loggers, election, _kubeMetrics)
            .Add(ManagerPhase.Http, "ports", _ => Task.CompletedTask, _web.StopAsync)
            .Add(ManagerPhase.Http, "webhooks", _ => Task.CompletedTask, token => _webhooks?.StopAsync(token) ?? Task.CompletedTask)
            .Add(ManagerPhase.Http, "control API", _ => Task.CompletedTask, token => _control?.StopAsync(token) ?? Task.CompletedTask)
            .Add(ManagerPhase.Http, "events", events.StartAsync, events.StopAsync)
            .Add(ManagerPhase.Gateway, "gateway", _ => Task.CompletedTask, async deadline =>
            {
                if (_agents.Streams > 0) await election.AwaitSuccessorAsync(deadline);
                await _agents.CloseAllAsync("this controller stops", deadline);
            })
            .AddLoop(ManagerPhase.Gateway, "sessions", _agents.WatchOverSessionsAsync)
            .Add(
                ManagerPhase.Workers, "gate",
                _ =>
                {
                    _gate.Open(leadership);
                    return Task.CompletedTask;
                },
                _ =>
                {
                    _gate.Close();
                    return Task.CompletedTask;
                });
        _certificate?.AddTo(manager, _time);
        var parts = new ReconcilerParts(Caches, _informers, _client, events, _agents, _options, _time, _loggers)
        {
            OwnNamespace = LeaseNamespace,
        };
        _certificate?.AddReconcilers(manager, parts with { Time = setup.CertificateTime ?? _time });
        setup.Reconcilers(manager, parts);
        return manager;
    }

    private string? OwnAddress() =>
        (_options.PodIp ?? _options.Bind) is { } address ? new IPEndPoint(address, AgentAddress.Port).ToString() : null;

    private static Transport Connect(ControlPlaneOptions options)
    {
        if (options.Kubeconfig is { } file) return Transport.FromKubeconfig(file);
        return Transport.IsInCluster ? Transport.InCluster() : Transport.FromKubeconfig();
    }
}
