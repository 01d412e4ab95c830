using System.CommandLine;
using System.Globalization;
using ModuleController.Dev.CommandLine;

namespace ModuleController.Dev.Load;

/// <summary>The command line of the program.</summary>
public sealed class LoadCommand
{
    private static readonly LoadOptions Initial = new();

    private readonly Option<int> _bases = OptionRules.Number(
        "--bases", Initial.Bases, 1, "Base pods, each with the real agent and a simulated Arklet");

    private readonly Option<int> _modules = OptionRules.Number(
        "--modules", Initial.Modules, 1, "ModuleDeployments, each with a replica on every base");

    private readonly Option<int> _runs = OptionRules.Number(
        "--runs", Initial.Runs, 1, "How often they are installed and deleted; figures are medians");

    private readonly Option<TimeSpan> _installTime = OptionRules.Parsed(
        "--install-time", "TIME", "How long Arklet takes for an install: 0s, 500ms, 2s (0s)", Time);

    private readonly Option<int> _upgrade = OptionRules.Number(
        "--upgrade", 0, 0, "Upgrade what is installed in N batches, in each run once by each policy that stays in one JVM");

    private readonly Option<int> _hang = OptionRules.Number(
        "--hang", 0, 0, "In every second run N bases accept and never answer until the others are done");

    private readonly Option<KillTarget> _kill = new("--kill")
    {
        Description = "Kill with -9 in the middle of installs or upgrades, and start again",
    };

    private readonly Option<int> _moments = OptionRules.Number("--moments", Initial.Moments, 1, "Number of kills");

    private readonly Option<int> _killsPerInstall = OptionRules.Number(
        "--kills-per-install", Initial.KillsPerInstall, 1, "Number of kills in one install or upgrade");

    private readonly Option<int?> _seed = OptionRules.Parsed<int?>(
        "--seed", "N", "Seed of the moments (a random one, printed)", text => OptionRules.WholeNumber(text, 0, int.MaxValue));

    private readonly Option<int?> _agentProcesses = OptionRules.Parsed<int?>(
        "--agent-processes", "N", "Number of agents that are processes of their own (0; with --kill agent 8)",
        text => OptionRules.WholeNumber(text, 0, int.MaxValue));

    private readonly Option<int> _agentCommands = OptionRules.Number(
        "--agent-commands", 0, 0,
        "Nothing of the above: one agent, over TLS, does N installs and uninstalls; measures its memory and its start");

    private readonly Option<int> _reconnect = OptionRules.Number(
        "--reconnect", 0, 0,
        "Nothing of the above: N agents without bases, over TLS and with tokens, reconnect after restarts of the controller, or kills with "
        + "--kill controller");

    private readonly Option<FileInfo> _agent = OptionRules.ExistingFile(
        "--agent", "Executable or .dll of the agent, for example the native one (the one that was built with this program)");

    private readonly Option<FileInfo> _controller = OptionRules.ExistingFile(
        "--controller", "Executable or .dll of the controller (the one that was built with this program)");

    private readonly Option<bool> _lowPriority = new("--low-priority")
    {
        Description = "Run bases and agents at low priority, as if they were on other machines (Linux)",
    };

    private readonly Option<FileInfo> _kubeconfig = OptionRules.ExistingFile(
        "--kubeconfig", "Use this API server instead of starting one; what the run creates is removed, also after Ctrl-C");

    private readonly Option<TimeSpan> _timeout = OptionRules.Parsed("--timeout", "TIME", "For each install and each deletion (5m)", Time);

    private readonly Option<bool> _json = new("--json") { Description = "Print the report as JSON" };

    private readonly Option<bool> _verbose = new("--verbose") { Description = "Print the controller's log on standard error" };

    private LoadCommand() => _kill.AcceptOnlyFromAmong("controller", "agent");

    /// <param name="run">Runs with the options and returns the exit code.</param>
    public static RootCommand Create(Func<LoadOptions, Task<int>> run)
    {
        var load = new LoadCommand();
        var command = new RootCommand("Measures what modules on many bases cost, and what kills do.") { HelpName = "load" };
        foreach (var option in load.All) command.Options.Add(option);
        command.SetAction((parsed, _) =>
        {
            var options = load.Read(parsed);
            return Conflict(options) is { } problem ? CommandLineProgram.RejectAsync(parsed, problem) : run(options);
        });
        return command;
    }

    private IEnumerable<Option> All =>
    [
        _bases, _modules, _runs, _installTime, _upgrade, _hang, _kill, _moments, _killsPerInstall, _seed, _agentProcesses, _agentCommands,
        _reconnect, _agent, _controller, _lowPriority, _kubeconfig, _timeout, _json, _verbose,
    ];

    private LoadOptions Read(ParseResult parsed)
    {
        var (bases, kill) = (parsed.GetValue(_bases), parsed.GetValue(_kill));
        return new()
        {
            Bases = bases,
            Modules = parsed.GetValue(_modules),
            Runs = parsed.GetValue(_runs),
            InstallTime = parsed.GetValue(_installTime),
            Upgrade = parsed.GetValue(_upgrade),
            Hang = parsed.GetValue(_hang),
            Kill = kill,
            Moments = parsed.GetValue(_moments),
            KillsPerInstall = parsed.GetValue(_killsPerInstall),
            Seed = parsed.GetValue(_seed) ?? Initial.Seed,
            AgentProcesses = parsed.GetValue(_agentProcesses) ?? (kill == KillTarget.Agent ? Math.Min(8, bases) : 0),
            AgentCommands = parsed.GetValue(_agentCommands),
            Reconnect = parsed.GetValue(_reconnect),
            Agent = parsed.GetValue(_agent)?.FullName,
            Controller = parsed.GetValue(_controller)?.FullName,
            Kubeconfig = parsed.GetValue(_kubeconfig)?.FullName,
            Timeout = parsed.GetResult(_timeout) is null ? Initial.Timeout : parsed.GetValue(_timeout),
            HasLowPriority = parsed.GetValue(_lowPriority),
            IsJson = parsed.GetValue(_json),
            IsVerbose = parsed.GetValue(_verbose),
        };
    }

    private static string? Conflict(LoadOptions options) => options switch
    {
        _ when options.Hang >= options.Bases => "--hang: some bases must not hang",
        { HasLowPriority: true, Kill: not KillTarget.None } =>
            "--low-priority and --kill exclude each other: what is started again would have a low priority too",
        { Upgrade: > 0, Hang: > 0 } => "--upgrade and --hang exclude each other",
        _ when options.AgentProcesses > options.Bases => $"--agent-processes: there are only {options.Bases} bases",
        _ => null,
    };

    private static TimeSpan Time(string text)
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
            : throw new FormatException($"{text} is not a time such as 500ms, 2s or 1m");
    }
}
