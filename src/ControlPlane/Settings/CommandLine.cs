using System.CommandLine;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using ModuleController.ControlPlane.Injection;
using static ModuleController.ControlPlane.Settings.SettingValues;

namespace ModuleController.ControlPlane.Settings;

/// <summary>The controller's command line. Each option can also be an environment variable; the option wins.</summary>
public static class CommandLine
{
    private const int UsageError = 2;

    private static readonly Setting[] Settings =
    [
        Setting.Of("kubeconfig", "FILE",
            "the API server; without it the pod's service account, or kubectl's file",
            ExistingFile, (options, value) => options with { Kubeconfig = value }),
        Setting.Of("bind", "ADDRESS", "listen on this address only", Address, (options, value) => options with { Bind = value }),
        Setting.Of("http-port", "PORT", "/healthz, /readyz, /metrics (8080)", Port, (options, value) => options with { HttpPort = value }),
        Setting.Of("grpc-port", "PORT", "where agents connect (8443)", Port, (options, value) => options with { GrpcPort = value }),
        Setting.Of("webhook-port", "PORT",
            "where the API server calls webhooks; without it there are none",
            Port, (options, value) => options with { WebhookPort = value }),
        Setting.Of("webhook-configuration", "NAME",
            "the configurations of these webhooks; the leader writes their certificate authorities (modulecontroller)",
            Name, (options, value) => options with { WebhookConfiguration = value }),
        Setting.Switch("authorize-verbs",
            "answer the webhooks that permit verbs, confirmations and freezes by RBAC",
            (options, value) => options with { AuthorizesVerbs = value }),
        Setting.Of("metrics-port", "PORT",
            "/metrics with HTTPS, for those who may get it; without it, everyone reads it on --http-port",
            Port, (options, value) => options with { MetricsPort = value }),
        Setting.Of("control-port", "PORT",
            "the control API for tools, gRPC and JSON with HTTPS; without it there is none",
            Port, (options, value) => options with { ControlPort = value }),
        Setting.Of("agent-image", "IMAGE",
            $"the agent's image in injected pods ({new ControlPlaneOptions().AgentImage})",
            Text, (options, value) => options with { AgentImage = value }),
        Setting.Of("agent-controller", "URL",
            "where injected agents connect (the controller's Service, at --grpc-port)",
            HttpUrl, (options, value) => options with { AgentController = value }),
        Setting.Of("advertise", "HOST:PORT",
            "where agents reach this process",
            HostAndPort, (options, value) => options with { Advertise = value }),
        Setting.Of("tls-cert", "FILE",
            "certificate of the agents' port, PEM; by default the leader creates one",
            ExistingFile, (options, value) => options with { TlsCertificate = value }),
        Setting.Of("tls-key", "FILE", "its key, PEM", ExistingFile, (options, value) => options with { TlsKey = value }),
        Setting.Of("tls-secret", "NAME",
            "instead of files: a Secret in the controller's namespace with tls.crt and tls.key, which somebody else keeps",
            Name, (options, value) => options with { TlsSecret = value }),
        Setting.Of("service-name", "NAME",
            "the Service that agents connect to; created certificates have its name (modulecontroller)",
            Name, (options, value) => options with { ServiceName = value }),
        Setting.Of("tls-names", "NAME[,NAME]",
            "more DNS names of the created certificate",
            Names, (options, value) => options with { TlsNames = value }),
        Setting.Of("namespace", "NAME", "where the Lease is", Name, (options, value) => options with { Namespace = value }),
        Setting.Of("watch-namespace", "NAME",
            "reconcile modules of this namespace only",
            Name, (options, value) => options with { WatchNamespace = value }),
        Setting.Of("lease-name", "NAME",
            "the Lease of the leader (modulecontroller)",
            Name, (options, value) => options with { LeaseName = value }),
        Setting.Of("lease-duration", "SECONDS",
            "a standby waits this long for a silent leader; a whole number (15)",
            WholeSeconds, (options, value) => options with { LeaseDuration = value }),
        Setting.Of("lease-renew", "SECONDS",
            "a leader that can't renew keeps leading for this long (10)",
            Seconds, (options, value) => options with { LeaseRenew = value }),
        Setting.Of("lease-retry", "SECONDS",
            "between two attempts at the Lease (2)",
            Seconds, (options, value) => options with { LeaseRetry = value }),
        Setting.Of("epoch-floor", "NUMBER",
            "start above this epoch, for agents whose Modules report Fenced (0)",
            Epoch, (options, value) => options with { EpochFloor = value }),
        Setting.Of("pod-grace", "SECONDS",
            "evict modules from a pod whose base or node has been unready for this long; a handover waits as long for a silent agent (300)",
            Seconds, (options, value) => options with { PodGrace = value }),
        Setting.Of("gate-timeout", "SECONDS",
            "a readiness gate waits this long for modules that no base pod could install (600)",
            Seconds, (options, value) => options with { GateTimeout = value }),
        Setting.Of("agent-outage-hold", "SECONDS",
            "if most agents of a base disconnect at the same time, remove no module of it for this long (600)",
            Seconds, (options, value) => options with { AgentOutageHold = value }),
        Setting.Of("artifact-policy", "FILE",
            "which artifacts the modules of each namespace may have, YAML, read at the start (all)",
            ArtifactPolicyFile.Read, (options, value) => options with { ArtifactPolicies = value }),
        Setting.Switch("plaintext-agents",
            "use no certificate: agents send their tokens in plain text",
            (options, value) => options with { AllowPlaintextAgents = value }),
        Setting.Switch("insecure-agents",
            "accept agents without identity, with or without TLS: for development only",
            (options, value) => options with { Agents = options.Agents with { AllowInsecure = value } }),
        Setting.Of("agent-audience", "NAME",
            "the audience of agents' tokens (modulecontroller)",
            Text, (options, value) => options with { Agents = options.Agents with { Audience = value } }),
        Setting.Of("agent-heartbeat", "SECONDS",
            "agents send a heartbeat this often; after three missed ones they are disconnected (15)",
            Seconds, (options, value) => options with { Agents = options.Agents with { HeartbeatInterval = value } }),
        Setting.Of("agent-snapshot", "SECONDS",
            "agents send a full snapshot this often (60)",
            Seconds, (options, value) => options with { Agents = options.Agents with { SnapshotInterval = value } }),
        Setting.Of("agent-stream-age", "SECONDS",
            "end each stream of an agent after this, so that it connects again (never)",
            Seconds, (options, value) => options with { Agents = options.Agents with { MaxStreamAge = value } }),
    ];

    /// <summary>Runs with the settings. If they are invalid, it prints which and returns 2.</summary>
    public static async Task<int> InvokeAsync(
        IReadOnlyList<string> arguments, Func<string, string?> environment, Func<ControlPlaneOptions, Task<int>> run,
        InvocationConfiguration? invocation = null)
    {
        invocation ??= new() { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null };
        var parsed = Create(environment, run).Parse(arguments);
        if (parsed.Action is not ParseErrorAction error) return await parsed.InvokeAsync(invocation);
        error.ShowHelp = false;
        await parsed.InvokeAsync(invocation);
        return UsageError;
    }

    private static RootCommand Create(Func<string, string?> environment, Func<ControlPlaneOptions, Task<int>> run)
    {
        var options = Settings.ToDictionary(setting => setting, setting => setting.ToOption());
        var command = new RootCommand("Reconciles hot-deployed modules on the base pods of a cluster.") { HelpName = "modulecontroller" };
        foreach (var option in options.Values) command.Options.Add(option);
        command.Subcommands.Add(InjectCommand.Create());
        command.Validators.Add(result =>
        {
            try
            {
                Check(Read(result));
            }
            catch (FormatException exception)
            {
                result.AddError(exception.Message);
            }
        });
        command.SetAction((parsed, _) => run(Read(parsed.RootCommandResult)));
        return command;

        ControlPlaneOptions Read(CommandResult result) => WithDefaultTls(options.Aggregate(OfPod(environment), (read, item) =>
        {
            var (setting, option) = item;
            if (result.GetResult(option) is { Implicit: false } given)
            {
                // A missing value is reported by the parser.
                return given.Tokens.Count == 0 && !setting.IsSwitch
                    ? read : setting.Parse(given.Tokens is [.., var token] ? token.Value : bool.TrueString, option.Name)(read);
            }

            return environment(setting.Variable) is { Length: > 0 } value ? setting.Parse(value, setting.Variable)(read) : read;
        }));
    }

    // Without a token nothing has to be kept secret on the way.
    private static ControlPlaneOptions WithDefaultTls(ControlPlaneOptions options) => options with
    {
        IsTlsAutomatic = options is { TlsCertificate: null, TlsSecret: null, AllowPlaintextAgents: false, Agents.AllowInsecure: false },
    };

    // What the manifest of a pod passes on about the pod itself.
    private static ControlPlaneOptions OfPod(Func<string, string?> environment) => new()
    {
        PodName = environment("POD_NAME") is { Length: > 0 } name ? name : null,
        PodIp = environment("POD_IP") is { Length: > 0 } ip ? Address(ip) : null,
        Namespace = environment("POD_NAMESPACE") is { Length: > 0 } ns ? ns : null,
    };

    private static void Check(ControlPlaneOptions options)
    {
        if (options.TlsCertificate is null != options.TlsKey is null) throw new FormatException("--tls-cert and --tls-key belong together");
        if (options is { TlsCertificate: not null, TlsSecret: not null })
            throw new FormatException("--tls-secret: excludes --tls-cert and --tls-key");
        if (options.LeaseRenew >= options.LeaseDuration) throw new FormatException("--lease-renew: must be below --lease-duration");
        if (options.LeaseRetry >= options.LeaseRenew) throw new FormatException("--lease-retry: must be below --lease-renew");
        if (options is { IsTlsAutomatic: false, TlsCertificate: null, TlsSecret: null }
            && (options.WebhookPort is not null ? "--webhook-port"
                : options.MetricsPort is not null ? "--metrics-port"
                : options.ControlPort is not null ? "--control-port"
                : null) is { } name)
        {
            throw new FormatException($"{name}: needs a certificate, without --plaintext-agents and --insecure-agents");
        }

        if (options is { AuthorizesVerbs: true, WebhookPort: null }) throw new FormatException("--authorize-verbs: needs --webhook-port");
        var ports =
            new[] { options.HttpPort, options.GrpcPort, options.WebhookPort ?? 0, options.MetricsPort ?? 0, options.ControlPort ?? 0 }
                .Where(port => port != 0).ToList();
        if (ports.Distinct().Count() < ports.Count)
            throw new FormatException("--http-port, --grpc-port, --webhook-port, --metrics-port and --control-port: must differ");
    }
}
