using System.Globalization;

namespace ModuleController.Agent;

/// <summary>The settings and their defaults. A flag <c>--state-dir=/x</c> overrides the variable <c>STATE_DIR</c>.</summary>
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

    /// <summary>A netrc file.</summary>
    public string? ArtifactCredentials { get; private init; }

    public long MaxArtifactBytes { get; private init; } = 512L * 1024 * 1024;

    public int KeepUnusedJars { get; private init; } = 10;

    public TimeSpan HealthInterval { get; private init; } = TimeSpan.FromSeconds(2);

    public TimeSpan QueryInterval { get; private init; } = TimeSpan.FromSeconds(10);

    public TimeSpan ReplayAfter { get; private init; } = TimeSpan.FromSeconds(30);

    public const string Usage = """
        usage: agent [--NAME=VALUE ...]     runs beside a base and carries out the controller's commands
               agent ready [--state-dir=]   exits 0 if the agent runs and the base answers

        flag or variable                            default
        --controller-address  CONTROLLER_ADDRESS    required; http://host:port or https://host:port
        --pod-namespace       POD_NAMESPACE         required
        --pod-name            POD_NAME              required
        --pod-uid             POD_UID               required
        --arklet-host         ARKLET_HOST           127.0.0.1
        --arklet-port         ARKLET_PORT           1238
        --state-dir           STATE_DIR             /var/lib/modulecontroller; at the same path in the base's container
        --token-file          TOKEN_FILE            none; a bearer token, read for each connection
        --ca-file             CA_FILE               the system's roots; PEM, awaited, read for each connection
        --artifact-credentials  ARTIFACT_CREDENTIALS  none; a netrc file for urls without user information, read for each request
        --max-artifact-bytes  MAX_ARTIFACT_BYTES    536870912
        --keep-unused-jars    KEEP_UNUSED_JARS      10
        --health-interval     HEALTH_INTERVAL       2s
        --query-interval      QUERY_INTERVAL        10s
        --replay-after        REPLAY_AFTER          30s; time without a controller after which the agent replays modules itself

        Only downloads use the proxy of HTTP_PROXY, HTTPS_PROXY and NO_PROXY (host names and suffixes, no address ranges).
        """;

    private static readonly string[] Names =
    [
        "CONTROLLER_ADDRESS", "POD_NAMESPACE", "POD_NAME", "POD_UID", "ARKLET_HOST", "ARKLET_PORT", "STATE_DIR", "TOKEN_FILE",
        "CA_FILE", "ARTIFACT_CREDENTIALS", "MAX_ARTIFACT_BYTES", "KEEP_UNUSED_JARS", "HEALTH_INTERVAL", "QUERY_INTERVAL", "REPLAY_AFTER",
    ];

    /// <summary>Reads flags and variables. Each invalid value is an error that names its option.</summary>
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
                errors.Add($"{argument}: not a known option in the form --name=value");
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
            ArtifactCredentials = values["ARTIFACT_CREDENTIALS"],
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
        public string Required(string name, int maxLength)
        {
            if (values[name] is not { Length: > 0 } value) errors.Add($"{name} is required");
            else if (value.Length > maxLength) errors.Add($"{name} must have at most {maxLength} characters, not {value.Length}");
            else return value;
            return "";
        }

        public Uri? Address(string name)
        {
            var text = Required(name, 2048);
            if (text.Length == 0) return null;
            if (Uri.TryCreate(text, UriKind.Absolute, out var url) && url.Scheme is "http" or "https" && url.Host.Length > 0) return url;
            errors.Add($"{name} must be http://host:port or https://host:port, not \"{text}\"");
            return null;
        }

        public long Number(string name, long defaultValue, long min, long max)
        {
            if (values[name] is not { } text) return defaultValue;
            if (long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= min && number <= max)
                return number;
            errors.Add($"{name} must be a number from {min} to {max}, not \"{text}\"");
            return defaultValue;
        }

        public TimeSpan Time(string name, TimeSpan defaultValue, TimeSpan min, TimeSpan max)
        {
            if (values[name] is not { } text) return defaultValue;
            var (unit, seconds) = text switch
            {
                _ when text.EndsWith("ms", StringComparison.Ordinal) => ("ms", 0.001),
                _ when text.EndsWith('m') => ("m", 60.0),
                _ => ("s", 1.0),
            };
            if (text.EndsWith(unit, StringComparison.Ordinal)
                && double.TryParse(text[..^unit.Length], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number)
                && number <= max.TotalSeconds / seconds && TimeSpan.FromSeconds(number * seconds) is var time && time >= min)
                return time;
            errors.Add(
                $"{name} must be a time such as 500ms, 2s or 1m, from {min.TotalSeconds} s to {max.TotalSeconds} s, not \"{text}\"");
            return defaultValue;
        }
    }
}
