using System.Globalization;

namespace ModuleController.Agent;

/// <summary>Every setting and its default. A flag <c>--state-dir=/x</c> wins over the variable <c>STATE_DIR</c>.</summary>
public sealed record AgentOptions
{
    public Uri Controller { get; private init; } = new("http://localhost");

    public string ArkletHost { get; private init; } = "127.0.0.1";

    public int ArkletPort { get; private init; } = 1238;

    public string StateDir { get; private init; } = "/var/lib/modulecontroller";

    public string PodNamespace { get; private init; } = "";

    public string PodName { get; private init; } = "";

    public string PodUid { get; private init; } = "";

    public string? TokenFile { get; private init; }

    public string? CaFile { get; private init; }

    public long MaxArtifactBytes { get; private init; } = 512L * 1024 * 1024;

    public int KeepUnusedJars { get; private init; } = 10;

    public TimeSpan HealthInterval { get; private init; } = TimeSpan.FromSeconds(2);

    public TimeSpan QueryInterval { get; private init; } = TimeSpan.FromSeconds(10);

    public TimeSpan ReplayAfter { get; private init; } = TimeSpan.FromSeconds(30);

    public const string Usage = """
        usage: agent [--NAME=VALUE ...]     runs beside a base and does what the controller says
               agent ready [--state-dir=]   exits 0 when the running agent says that the base answers

        flag or variable                            default
        --controller-address  CONTROLLER_ADDRESS    required; http://host:port or https://host:port
        --pod-namespace       POD_NAMESPACE         required
        --pod-name            POD_NAME              required
        --pod-uid             POD_UID               required
        --arklet-host         ARKLET_HOST           127.0.0.1
        --arklet-port         ARKLET_PORT           1238
        --state-dir           STATE_DIR             /var/lib/modulecontroller; at the same path in the base's container
        --token-file          TOKEN_FILE            none; a bearer token, read for each connection
        --ca-file             CA_FILE               the system's roots; PEM
        --max-artifact-bytes  MAX_ARTIFACT_BYTES    536870912
        --keep-unused-jars    KEEP_UNUSED_JARS      10
        --health-interval     HEALTH_INTERVAL       2s
        --query-interval      QUERY_INTERVAL        10s
        --replay-after        REPLAY_AFTER          30s; without a controller for so long the agent replays by itself

        Downloads use the proxy of HTTP_PROXY, HTTPS_PROXY and NO_PROXY (host names and suffixes, no address ranges).
        Nothing else does.
        """;

    private static readonly string[] Names =
    [
        "CONTROLLER_ADDRESS", "POD_NAMESPACE", "POD_NAME", "POD_UID", "ARKLET_HOST", "ARKLET_PORT", "STATE_DIR", "TOKEN_FILE",
        "CA_FILE", "MAX_ARTIFACT_BYTES", "KEEP_UNUSED_JARS", "HEALTH_INTERVAL", "QUERY_INTERVAL", "REPLAY_AFTER",
    ];

    /// <summary>Reads flags and variables; every bad value is one error that names its option.</summary>
    public static (AgentOptions Options, IReadOnlyList<string> Errors) Parse(
        IReadOnlyList<string> arguments, Func<string, string?> variable, bool isProbe = false)
    {
        var errors = new List<string>();
        var values = Names.ToDictionary(name => name, name => variable(name) is { Length: > 0 } value ? value : null);
        foreach (var argument in arguments)
        {
            var equals = argument.IndexOf('=', StringComparison.Ordinal);
            var name = (equals < 0 ? argument : argument[..equals]).TrimStart('-').Replace('-', '_').ToUpperInvariant();
            if (equals < 0 || !argument.StartsWith("--", StringComparison.Ordinal) || !values.ContainsKey(name))
                errors.Add($"{argument}: not an option (--name=value)");
            else values[name] = argument[(equals + 1)..];
        }

        var read = new Reader(values, errors);
        var defaults = new AgentOptions();
        var options = new AgentOptions
        {
            Controller = isProbe ? defaults.Controller : read.Address("CONTROLLER_ADDRESS") ?? defaults.Controller,
            PodNamespace = isProbe ? "" : read.Required("POD_NAMESPACE", 63),
            PodName = isProbe ? "" : read.Required("POD_NAME", 253),
            PodUid = isProbe ? "" : read.Required("POD_UID", 64),
            ArkletHost = values["ARKLET_HOST"] ?? defaults.ArkletHost,
            ArkletPort = (int)read.Number("ARKLET_PORT", defaults.ArkletPort, 1, 65535),
            StateDir = Path.GetFullPath(values["STATE_DIR"] ?? defaults.StateDir),
            TokenFile = values["TOKEN_FILE"],
            CaFile = values["CA_FILE"],
            MaxArtifactBytes = read.Number("MAX_ARTIFACT_BYTES", defaults.MaxArtifactBytes, 1, long.MaxValue),
            KeepUnusedJars = (int)read.Number("KEEP_UNUSED_JARS", defaults.KeepUnusedJars, 0, 10_000),
            HealthInterval = read.Time("HEALTH_INTERVAL", defaults.HealthInterval, TimeSpan.FromMilliseconds(100), TimeSpan.FromSeconds(4)),
            QueryInterval = read.Time("QUERY_INTERVAL", defaults.QueryInterval, TimeSpan.FromMilliseconds(100), TimeSpan.FromHours(1)),
            ReplayAfter = read.Time("REPLAY_AFTER", defaults.ReplayAfter, TimeSpan.Zero, TimeSpan.FromDays(1)),
        };
        return (options, errors);
    }

    private sealed class Reader(Dictionary<string, string?> values, List<string> errors)
    {
        public string Required(string name, int longest)
        {
            if (values[name] is not { Length: > 0 } value) errors.Add($"{name} is missing");
            else if (value.Length > longest) errors.Add($"{name} has {value.Length} characters, {longest} are allowed");
            else return value;
            return "";
        }

        public Uri? Address(string name)
        {
            var text = Required(name, 2048);
            if (text.Length == 0) return null;
            if (Uri.TryCreate(text, UriKind.Absolute, out var url) && url.Scheme is "http" or "https" && url.Host.Length > 0) return url;
            errors.Add($"{name}: \"{text}\" is not http://host:port or https://host:port");
            return null;
        }

        public long Number(string name, long otherwise, long least, long most)
        {
            if (values[name] is not { } text) return otherwise;
            if (long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most)
                return number;
            errors.Add($"{name}: \"{text}\" is no number from {least} to {most}");
            return otherwise;
        }

        public TimeSpan Time(string name, TimeSpan otherwise, TimeSpan least, TimeSpan most)
        {
            if (values[name] is not { } text) return otherwise;
            var (unit, seconds) = text switch
            {
                _ when text.EndsWith("ms", StringComparison.Ordinal) => ("ms", 0.001),
                _ when text.EndsWith('m') => ("m", 60.0),
                _ => ("s", 1.0),
            };
            if (text.EndsWith(unit, StringComparison.Ordinal)
                && double.TryParse(text[..^unit.Length], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number)
                && number <= most.TotalSeconds / seconds && TimeSpan.FromSeconds(number * seconds) is var time && time >= least)
                return time;
            errors.Add($"{name}: \"{text}\" is no time such as 500ms, 2s or 1m from {least.TotalSeconds} s to {most.TotalSeconds} s");
            return otherwise;
        }
    }
}
