using System.Net;
using ModuleController.ControlPlane.Agents;
using ModuleController.Core.Agents;
using ModuleController.Core.Commands;
using ModuleController.Core.Injection;

namespace ModuleController.ControlPlane.Settings;

/// <summary>Every setting of the controller and its default, in one place. <see cref="CommandLine"/> reads them.</summary>
public sealed record ControlPlaneOptions
{
    /// <summary>Null: the service account of the pod, or where there is none, the kubeconfig that kubectl would use.</summary>
    public string? Kubeconfig { get; init; }

    /// <summary>Null: all addresses.</summary>
    public IPAddress? Bind { get; init; }

    /// <summary><c>/healthz</c>, <c>/readyz</c>, <c>/metrics</c>; plain HTTP/1.1. 0: any free port.</summary>
    public int HttpPort { get; init; } = 8080;

    /// <summary>Where agents connect; HTTP/2, with TLS where a certificate is given. 0: any free port.</summary>
    public int GrpcPort { get; init; } = 8443;

    /// <summary>Where the API server calls webhooks; HTTPS with the agents' certificate. 0: any free port; null: there are no
    /// webhooks.</summary>
    public int? WebhookPort { get; init; }

    /// <summary>Where those who may get <c>/metrics</c> read it, instead of on the HTTP port; HTTPS with the agents' certificate. 0: any
    /// free port; null: everyone reads it on the HTTP port.</summary>
    public int? MetricsPort { get; init; }

    /// <summary>Where tools and people call the control API; HTTPS with the agents' certificate. 0: any free port; null: it is not
    /// served.</summary>
    public int? ControlPort { get; init; }

    /// <summary>The name of both configurations of our webhooks: the leader writes their <c>caBundle</c>.</summary>
    public string WebhookConfiguration { get; init; } = "modulecontroller";

    /// <summary>Webhooks ask the API server whether a user may request a verb, confirm or freeze.</summary>
    public bool AuthorizesVerbs { get; init; }

    /// <summary>Connections at a time to the agents' port. Those to the HTTP port have a limit of their own: a probe waits for no
    /// agent.</summary>
    public int MaxAgentConnections { get; init; } = 20_000;

    /// <summary>Where agents reach this process, in the Lease for those who asked another one; null: the pod's IP or what it listens
    /// on.</summary>
    public string? Advertise { get; init; }

    /// <summary>Names this process in the Lease and in Events; null: the machine's name.</summary>
    public string? PodName { get; init; }

    public IPAddress? PodIp { get; init; }

    /// <summary>PEM files; read again when they change.</summary>
    public string? TlsCertificate { get; init; }

    public string? TlsKey { get; init; }

    /// <summary>A Secret in the controller's namespace that another program maintains, such as cert-manager. It is not changed.</summary>
    public string? TlsSecret { get; init; }

    /// <summary>The leader creates and renews the certificates, and gives agents their authority.</summary>
    public bool IsTlsAutomatic { get; init; }

    /// <summary>The Service that agents connect to, in the controller's namespace: the automatic certificate has its names.</summary>
    public string ServiceName { get; init; } = "modulecontroller";

    /// <summary>Further DNS names of the automatic certificate.</summary>
    public IReadOnlyList<string> TlsNames { get; init; } = [];

    /// <summary>Without a certificate, agents may send their tokens in plain text.</summary>
    public bool AllowPlaintextAgents { get; init; }

    /// <summary>Where the Lease is; null: the namespace of the service account or the kubeconfig's context.</summary>
    public string? Namespace { get; init; }

    /// <summary>The one namespace whose modules are looked after; null: all.</summary>
    public string? WatchNamespace { get; init; }

    public string LeaseName { get; init; } = "modulecontroller";

    /// <summary>How long others wait for a silent leader.</summary>
    public TimeSpan LeaseDuration { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>How long a leader that cannot renew the Lease continues; below the duration.</summary>
    public TimeSpan LeaseRenew { get; init; } = TimeSpan.FromSeconds(10);

    public TimeSpan LeaseRetry { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>How long a leader that stops keeps its agents until another process leads, so that it can name it; null: 1.25 times the
    /// retry period.</summary>
    public TimeSpan? SuccessorWait { get; init; }

    /// <summary>A leader starts above this epoch.</summary>
    public int EpochFloor { get; init; }

    /// <summary>How long a base pod may be not Ready before its modules are placed elsewhere.</summary>
    public TimeSpan PodGrace { get; init; } = TimeSpan.FromSeconds(300);

    /// <summary>How long a readiness gate stays closed for a module that no other base pod could install either.</summary>
    public TimeSpan GateTimeout { get; init; } = TimeSpan.FromSeconds(600);

    /// <summary>How long no module is removed from a base most of whose agents disconnected at the same time.</summary>
    public TimeSpan AgentOutageHold { get; init; } = AgentOutageRule.Default.Hold;

    /// <summary>Which artifacts each namespace may install.</summary>
    public ArtifactPolicies ArtifactPolicies { get; init; } = ArtifactPolicies.None;

    public AgentOptions Agents { get; init; } = new();

    /// <summary>The agent's image in injected pods.</summary>
    public string AgentImage { get; init; } = new InjectionOptions().AgentImage;

    /// <summary>Where injected agents connect; null: the Service.</summary>
    public Uri? AgentController { get; init; }
}
