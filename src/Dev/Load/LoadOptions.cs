using System.Globalization;
using System.Text.Json.Serialization;

namespace ModuleController.Dev.Load;

/// <summary>Whom the kills of a run are for.</summary>
public enum KillTarget
{
    None,
    Controller,
    Agent,
}

/// <summary>What is installed, where, how often, and what goes wrong meanwhile.</summary>
public sealed record LoadOptions
{
    public const string Usage =
        """
        usage: load [--name value]...
          --bases N            base pods, each with the real agent and a simulated Arklet (200)
          --modules N          ModuleDeployments, each with a replica on every base (1)
          --runs N             how often they are installed and deleted; figures are medians (3)
          --install-time TIME  what Arklet takes for an install: 0s, 500ms, 2s (0s)
          --upgrade N          each run upgrades what is installed, in N batches, once by each policy in one JVM (0: it does not)
          --hang N             in every second run N bases accept and never answer until the others are done (0)
          --kill WHOM          controller or agent: killed with -9 and started again in the middle of installs or upgrades
          --moments N          how many kills (20)
          --kills-per-install N  how many of them in one install or upgrade (1)
          --seed N             of the moments (a random one, printed)
          --agent-processes N  how many agents are processes of their own (0; with --kill agent 8)
          --agent-commands N   nothing of the above: one agent, over TLS, does N installs and uninstalls; its memory, and how soon it speaks
          --agent PATH         the agent's executable, for example the native one (the ordinary build)
          --controller PATH    the controller's, likewise
          --low-priority       bases and agents leave the processors to the controller and the API server, as if on other machines (Linux)
          --kubeconfig FILE    an API server; without it one is started. What the run created there is removed, also after Ctrl-C
          --timeout TIME       for each install and each deletion (5m)
          --json               the report as JSON
          --verbose            what the controller logs, on standard error
        """;

    public int Bases { get; init; } = 200;

    public int Modules { get; init; } = 1;

    public int Runs { get; init; } = 3;

    public TimeSpan InstallTime { get; init; }

    /// <summary>In so many batches; 0: nothing is upgraded.</summary>
    public int Upgrade { get; init; }

    public int Hang { get; init; }

    public KillTarget Kill { get; init; }

    public int Moments { get; init; } = 20;

    public int KillsPerInstall { get; init; } = 1;

    public int Seed { get; init; } = Random.Shared.Next();

    public int AgentProcesses { get; init; }

    /// <summary>0: the load is the controller's; else one agent's.</summary>
    public int AgentCommands { get; init; }

    /// <summary>A program, or a <c>.dll</c> for <c>dotnet</c>; null: the one that was built with this program.</summary>
    public string? Agent { get; init; }

    public string? Controller { get; init; }

    public string? Kubeconfig { get; init; }

    public TimeSpan Timeout { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>For the end of a run on somebody else's API server.</summary>
    [JsonIgnore]
    public CleanupLimits Cleanup { get; init; } = new();

    /// <summary>Of this process, which runs the bases and agents.</summary>
    public bool HasLowPriority { get; init; }

    public bool IsJson { get; init; }

    public bool IsVerbose { get; init; }

    /// <summary>The options, or a line that says what is wrong.</summary>
    public static (LoadOptions? Options, string? Error) Parse(IReadOnlyList<string> arguments)
    {
        var options = new LoadOptions();
        try
        {
            for (var at = 0; at < arguments.Count; at++)
            {
                var name = arguments[at];
                options = name switch
                {
                    "--low-priority" => options with { HasLowPriority = true },
                    "--json" => options with { IsJson = true },
                    "--verbose" => options with { IsVerbose = true },
                    _ => With(options, name, ++at < arguments.Count ? arguments[at] : throw new FormatException($"{name} needs a value")),
                };
            }
        }
        catch (FormatException problem)
        {
            return (null, problem.Message);
        }

        if (options is { Kill: KillTarget.Agent, AgentProcesses: 0 }) options = options with { AgentProcesses = Math.Min(8, options.Bases) };
        if (options.Hang >= options.Bases) return (null, "--hang must leave some bases");
        if (options is { HasLowPriority: true, Kill: not KillTarget.None })
            return (null, "--low-priority and --kill: what is started again would have a low priority too");
        if (options is { Upgrade: > 0, Hang: > 0 }) return (null, "--upgrade and --hang are two loads");
        if (options.AgentProcesses > options.Bases) return (null, "--agent-processes: there are not so many bases");
        return (options, null);
    }

    private static LoadOptions With(LoadOptions options, string name, string value) => name switch
    {
        "--bases" => options with { Bases = Number(name, value, 1) },
        "--modules" => options with { Modules = Number(name, value, 1) },
        "--runs" => options with { Runs = Number(name, value, 1) },
        "--install-time" => options with { InstallTime = Time(name, value) },
        "--upgrade" => options with { Upgrade = Number(name, value, 1) },
        "--hang" => options with { Hang = Number(name, value, 0) },
        "--kill" => options with
        {
            Kill = value switch
            {
                "controller" => KillTarget.Controller,
                "agent" => KillTarget.Agent,
                _ => throw new FormatException($"{name}: controller or agent, not \"{value}\""),
            },
        },
        "--moments" => options with { Moments = Number(name, value, 1) },
        "--kills-per-install" => options with { KillsPerInstall = Number(name, value, 1) },
        "--seed" => options with { Seed = Number(name, value, 0) },
        "--agent-processes" => options with { AgentProcesses = Number(name, value, 0) },
        "--agent-commands" => options with { AgentCommands = Number(name, value, 1) },
        "--agent" => options with { Agent = Existing(name, value) },
        "--controller" => options with { Controller = Existing(name, value) },
        "--kubeconfig" => options with { Kubeconfig = Existing(name, value) },
        "--timeout" => options with { Timeout = Time(name, value) },
        _ => throw new FormatException($"unknown argument {name}"),
    };

    private static string Existing(string name, string path) =>
        File.Exists(path) ? path : throw new FormatException($"{name}: there is no file {path}");

    private static int Number(string name, string text, int least) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= least
            ? number : throw new FormatException($"{name}: \"{text}\" is no number from {least} on");

    private static TimeSpan Time(string name, string text)
    {
        var (unit, seconds) = text switch
        {
            _ when text.EndsWith("ms", StringComparison.Ordinal) => ("ms", 0.001),
            _ when text.EndsWith('m') => ("m", 60.0),
            _ => ("s", 1.0),
        };
        return text.EndsWith(unit, StringComparison.Ordinal)
            && double.TryParse(text[..^unit.Length], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number)
            ? TimeSpan.FromSeconds(number * seconds)
            : throw new FormatException($"{name}: \"{text}\" is no time such as 500ms, 2s or 1m");
    }
}
