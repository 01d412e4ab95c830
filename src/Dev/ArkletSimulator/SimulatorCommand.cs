using System.CommandLine;
using System.Globalization;
using System.Net;
using ModuleController.Dev.CommandLine;

namespace ModuleController.Dev.ArkletSimulator;

/// <summary>
/// The command line of the simulator. Each option can also be an environment variable, for the manifest of a pod; the option
/// wins.
/// </summary>
internal sealed class SimulatorCommand
{
    private const int ArkletPort = 1238;
    private const int WebPort = 8080;
    private static readonly SimulatedBaseOptions Initial = new();

    private readonly Func<string, string?> _environment;
    private readonly Option<IPAddress?> _address;
    private readonly Option<int?> _arkletPort;
    private readonly Option<int?> _webPort;
    private readonly Option<int?> _adminPort;
    private readonly Option<string?> _workDirectory;
    private readonly Option<string?> _log;
    private readonly Option<TimeSpan?> _startDelay;
    private readonly Option<TimeSpan?> _installTime;
    private readonly Option<long?> _maxMetaspace;

    private SimulatorCommand(Func<string, string?> environment)
    {
        _environment = environment;
        _address = Setting<IPAddress?>("--address", "IP", "ADDRESS", $"Listen on this address ({Initial.Address})", IPAddress.Parse);
        _arkletPort = Setting<int?>("--arklet-port", "PORT", "ARKLET_PORT", $"Arklet's port ({ArkletPort})", Port);
        _webPort = Setting<int?>("--web-port", "PORT", "WEB_PORT", $"The base's web port ({WebPort})", Port);
        _adminPort = Setting<int?>("--admin-port", "PORT", "ADMIN_PORT", "Port for behavior and statistics (none)", Port);
        _workDirectory = Setting<string?>(
            "--work-dir", "DIRECTORY", "WORK_DIR", $"Directory that answers name for unpacked jars ({Initial.WorkDirectory})",
            text => text);
        _log = Setting<string?>("--log", "FILE", "LOG_FILE", "Log each command and each life to this file (none)", text => text);
        _startDelay = Setting<TimeSpan?>(
            "--start-delay", "SECONDS", "START_DELAY", "Time from the web port's start to Arklet's (0)", Seconds);
        _installTime = Setting<TimeSpan?>(
            "--install-time", "SECONDS", "INSTALL_TIME", "Install time of a module whose jar names none (0)", Seconds);
        _maxMetaspace = Setting<long?>(
            "--max-metaspace", "BYTES", "MAX_METASPACE", "Limit of the metaspace (none)",
            text => long.Parse(text, CultureInfo.InvariantCulture));
    }

    /// <param name="run">Runs a base with the options and returns the exit code.</param>
    public static RootCommand Create(Func<string, string?> environment, Func<SimulatorOptions, Task<int>> run)
    {
        var simulator = new SimulatorCommand(environment);
        var command = new RootCommand("Answers like the Arklet of a base JVM.") { HelpName = "arklet-simulator" };
        foreach (var option in simulator.All) command.Options.Add(option);
        command.Subcommands.Add(MakeJarCommand.Create());
        command.SetAction((parsed, _) => run(simulator.Read(parsed)));
        return command;
    }

    private IEnumerable<Option> All =>
        [_address, _arkletPort, _webPort, _adminPort, _workDirectory, _log, _startDelay, _installTime, _maxMetaspace];

    private SimulatorOptions Read(ParseResult parsed) => new(
        new()
        {
            Address = parsed.GetValue(_address) ?? Initial.Address,
            ArkletPort = parsed.GetValue(_arkletPort) ?? ArkletPort,
            WebPort = parsed.GetValue(_webPort) ?? WebPort,
            WorkDirectory = parsed.GetValue(_workDirectory) ?? Initial.WorkDirectory,
            LogFile = parsed.GetValue(_log),
            StartDelay = parsed.GetValue(_startDelay) ?? Initial.StartDelay,
            InstallTime = parsed.GetValue(_installTime) ?? Initial.InstallTime,
            MaxMetaspace = parsed.GetValue(_maxMetaspace) ?? Initial.MaxMetaspace,
        },
        parsed.GetValue(_adminPort));

    private Option<T> Setting<T>(string name, string helpName, string variable, string description, Func<string, T> parse)
    {
        var option = OptionRules.Parsed(name, helpName, $"{description} [{variable}]", parse);
        option.DefaultValueFactory = result =>
        {
            if (_environment(variable) is not { Length: > 0 } text) return default!;
            try
            {
                return parse(text);
            }
            catch (Exception problem) when (problem is FormatException or OverflowException)
            {
                result.AddError($"{variable}: {problem.Message}");
                return default!;
            }
        };
        return option;
    }

    private static int? Port(string text) => OptionRules.WholeNumber(text, 0, ushort.MaxValue);

    private static TimeSpan? Seconds(string text) => TimeSpan.FromSeconds(double.Parse(text, CultureInfo.InvariantCulture));
}
