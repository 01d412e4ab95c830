using System.Globalization;
using System.Net;
using System.Text;

namespace ModuleController.ControlPlane;

/// <summary>
/// Reads the settings from the environment (<c>MODULECONTROLLER_HTTP_PORT</c>), then from flags (<c>--http-port 8080</c> or
/// <c>--http-port=8080</c>), which win.
/// </summary>
public static class CommandLine
{
    private const string EnvironmentPrefix = "MODULECONTROLLER_";

    /// <summary>leaseTransitions of a Lease has 32 bits, and rises with each leader.</summary>
    public const int MaxEpochFloor = 2_000_000_000;

    private static readonly Setting[] Settings =
    [
        new("kubeconfig", "FILE", "the API server; without it the pod's service account, or kubectl's file",
            (options, value) => options with { Kubeconfig = ExistingFile(value) }),
        new("bind", "ADDRESS", "listen on this address only", (options, value) => options with { Bind = Address(value) }),
        new("http-port", "PORT", "/healthz, /readyz, /metrics (8080)", (options, value) => options with { HttpPort = Port(value) }),
        new("grpc-port", "PORT", "where agents connect (8443)", (options, value) => options with { GrpcPort = Port(value) }),
        new("advertise", "HOST:PORT", "where agents reach this process", (options, value) => options with { Advertise = HostAndPort(value) }),
        new("tls-cert", "FILE", "certificate of the agents' port, PEM; required unless --plaintext-agents or --insecure-agents is set", (options, value) => options with { TlsCertificate = ExistingFile(value) }),
        new("tls-key", "FILE", "its key, PEM", (options, value) => options with { TlsKey = ExistingFile(value) }),
        new("namespace", "NAME", "where the Lease is", (options, value) => options with { Namespace = Name(value) }),
        new("watch-namespace", "NAME", "look after modules of this namespace only", (options, value) => options with { WatchNamespace = Name(value) }),
        new("lease-name", "NAME", "the Lease of the leader (modulecontroller)", (options, value) => options with { LeaseName = Name(value) }),
        new("lease-duration", "SECONDS", "others wait this long for a silent leader; a whole number (15)",
            (options, value) => options with { LeaseDuration = WholeSeconds(value) }),
        new("lease-renew", "SECONDS", "a leader that can't renew goes on this long (10)",
            (options, value) => options with { LeaseRenew = Seconds(value) }),
        new("lease-retry", "SECONDS", "between two looks at the Lease (2)", (options, value) => options with { LeaseRetry = Seconds(value) }),
        new("epoch-floor", "NUMBER", "a leader starts above this epoch; for agents whose Modules say Fenced (0)",
            (options, value) => options with { EpochFloor = Epoch(value) }),
        new("pod-grace", "SECONDS", "evict modules from a pod whose base or node has been unready for this long; a handover waits as long for a silent agent (300)",
            (options, value) => options with { PodGrace = Seconds(value) }),
        new("gate-timeout", "SECONDS", "a readiness gate waits this long for modules that no base pod could install (600)",
            (options, value) => options with { GateTimeout = Seconds(value) }),
        new("agent-outage-hold", "SECONDS", "where most agents of a base vanish at once, nothing is taken away for this long (600)",
            (options, value) => options with { AgentOutageHold = Seconds(value) }),
        new("plaintext-agents", null, "without --tls-cert: let agents send their tokens in plain text",
            (options, value) => options with { AllowPlaintextAgents = Flag(value) }),
        new("insecure-agents", null, "accept agents without identity, with or without TLS: for development only",
            (options, value) => options with { Agents = options.Agents with { AllowInsecure = Flag(value) } }),
        new("agent-audience", "NAME", "whom agents' tokens are made for (modulecontroller)",
            (options, value) => options with { Agents = options.Agents with { Audience = Text(value) } }),
        new("agent-heartbeat", "SECONDS", "agents say something this often; three are missed at most (15)",
            (options, value) => options with { Agents = options.Agents with { HeartbeatInterval = Seconds(value) } }),
        new("agent-snapshot", "SECONDS", "agents tell everything this often (60)",
            (options, value) => options with { Agents = options.Agents with { SnapshotInterval = Seconds(value) } }),
        new("agent-stream-age", "SECONDS", "agents connect and show their token anew after this (3600)",
            (options, value) => options with { Agents = options.Agents with { MaxStreamAge = Seconds(value) } }),
    ];

    /// <summary>The settings, or a line that names what is wrong; both null when help was asked for.</summary>
    public static (ControlPlaneOptions? Options, string? Error) Parse(
        IReadOnlyList<string> arguments, Func<string, string?> environment)
    {
        try
        {
            // What a pod is told of itself by its manifest.
            var options = new ControlPlaneOptions
            {
                PodName = environment("POD_NAME") is { Length: > 0 } name ? name : null,
                PodIp = environment("POD_IP") is { Length: > 0 } ip ? Address(ip) : null,
                Namespace = environment("POD_NAMESPACE") is { Length: > 0 } ns ? ns : null,
            };
            foreach (var setting in Settings)
            {
                if (environment(setting.Variable) is { Length: > 0 } value) options = setting.Apply(options, value, setting.Variable);
            }

            for (var i = 0; i < arguments.Count; i++)
            {
                if (arguments[i] is "--help" or "-h") return (null, null);
                var (flag, value) = Split(arguments[i]);
                var setting = Settings.FirstOrDefault(setting => $"--{setting.Name}" == flag)
                    ?? throw new FormatException($"unknown argument {arguments[i]} (--help lists them)");
                value ??= setting.Value is null ? "true" : ++i < arguments.Count ? arguments[i] : null;
                options = setting.Apply(options, value ?? throw new FormatException($"{flag}: {setting.Value} is missing"), flag);
            }

            return (Check(options), null);
        }
        catch (FormatException exception)
        {
            return (null, exception.Message);
        }
    }

    public static string Help()
    {
        var help = new StringBuilder("usage: modulecontroller [--flag value]...  (each also as an environment variable)\n\n");
        foreach (var setting in Settings)
        {
            help.Append(CultureInfo.InvariantCulture, $"  {$"--{setting.Name} {setting.Value}",-28} {setting.Meaning}\n");
            help.Append(CultureInfo.InvariantCulture, $"  {"",-28} {setting.Variable}\n");
        }

        return help.ToString();
    }

    private static ControlPlaneOptions Check(ControlPlaneOptions options)
    {
        if (options.TlsCertificate is null != options.TlsKey is null) throw new FormatException("--tls-cert and --tls-key belong together");
        if (options is { TlsCertificate: null, AllowPlaintextAgents: false, Agents.AllowInsecure: false })
            throw new FormatException("--tls-cert: is missing, so agents would send their tokens in plain text; --plaintext-agents allows that");
        if (options.LeaseRenew >= options.LeaseDuration) throw new FormatException("--lease-renew: must be below --lease-duration");
        if (options.LeaseRetry >= options.LeaseRenew) throw new FormatException("--lease-retry: must be below --lease-renew");
        if (options.HttpPort != 0 && options.HttpPort == options.GrpcPort) throw new FormatException("--http-port and --grpc-port: must differ");
        return options;
    }

    private static (string Name, string? Value) Split(string argument)
    {
        var at = argument.IndexOf('=', StringComparison.Ordinal);
        return at < 0 ? (argument, null) : (argument[..at], argument[(at + 1)..]);
    }

    private static string Text(string value) => value.Length > 0 ? value : throw new FormatException("is empty");

    private static string ExistingFile(string value) =>
        File.Exists(value) ? value : throw new FormatException($"there is no file {value}");

    private static IPAddress Address(string value) =>
        IPAddress.TryParse(value, out var address) ? address : throw new FormatException($"{value} is no IP address");

    private static int Port(string value) =>
        ushort.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var port)
            ? port : throw new FormatException($"{value} is no port");

    private static bool Flag(string value) =>
        bool.TryParse(value, out var flag) ? flag : throw new FormatException($"{value} is neither true nor false");

    // Below a millisecond timers spin, above a day something else was meant.
    private static TimeSpan Seconds(string value) =>
        double.TryParse(value, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var seconds) && seconds is >= 0.001 and <= 86_400
            ? TimeSpan.FromSeconds(seconds)
            : throw new FormatException($"{value} is no number of seconds between 0.001 and 86400");

    // leaseDurationSeconds of a Lease is an integer.
    private static TimeSpan WholeSeconds(string value) =>
        Seconds(value) is var seconds && seconds.Ticks % TimeSpan.TicksPerSecond == 0
            ? seconds : throw new FormatException($"{value} is not a whole number of seconds");

    private static int Epoch(string value) =>
        int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var epoch) && epoch <= MaxEpochFloor
            ? epoch : throw new FormatException($"{value} is not a number from 0 to {MaxEpochFloor}");

    private static string HostAndPort(string value)
    {
        var at = value.LastIndexOf(':');
        if (at <= 0 || value.Length > 200) throw new FormatException($"{value} is not HOST:PORT");
        _ = Port(value[(at + 1)..]);
        return value;
    }

    private static string Name(string value) =>
        value.Length is > 0 and <= 253 && value.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '-' or '.')
            ? value : throw new FormatException($"{value} is no object name");

    /// <param name="Value">What the value is called; null: a switch.</param>
    private sealed record Setting(
        string Name, string? Value, string Meaning, Func<ControlPlaneOptions, string, ControlPlaneOptions> Set)
    {
        public string Variable { get; } = EnvironmentPrefix + Name.ToUpperInvariant().Replace('-', '_');

        public ControlPlaneOptions Apply(ControlPlaneOptions options, string value, string where)
        {
            try
            {
                return Set(options, value);
            }
            catch (FormatException exception)
            {
                throw new FormatException($"{where}: {exception.Message}", exception);
            }
        }
    }
}
