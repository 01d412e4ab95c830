using System.Globalization;
using System.Net;

namespace ModuleController.Dev.ArkletSimulator;

/// <summary>The executable's options: <c>--name value</c>, and for a pod's manifest some of them from the environment.</summary>
internal sealed record SimulatorOptions(SimulatedBaseOptions Base, int? AdminPort)
{
    public const string Usage =
        """
        ArkletSimulator: answers like the Arklet of a base JVM.
          --address IP           [ADDRESS]      where to listen (127.0.0.1)
          --arklet-port PORT     [ARKLET_PORT]  Arklet's port (1238)
          --web-port PORT        [WEB_PORT]     the base's web port (8080)
          --admin-port PORT      [ADMIN_PORT]   orders and statistics; no port, no endpoint
          --work-dir DIRECTORY   [WORK_DIR]     where answers say that jars were unpacked to
          --log FILE             [LOG_FILE]     a line for everything done
          --start-delay SECONDS  [START_DELAY]  time from the web's port to Arklet's (0)
          --install-time SECONDS [INSTALL_TIME] of a module whose jar names none (0)
          --max-metaspace BYTES  [MAX_METASPACE]
        make-jar FILE NAME VERSION [CONTEXT-PATH]: writes a module that it can install.
        """;

    private static readonly string[] Names =
        ["address", "arklet-port", "web-port", "admin-port", "work-dir", "log", "start-delay", "install-time", "max-metaspace"];

    /// <summary>Throws <see cref="FormatException"/> with a message for the user.</summary>
    public static SimulatorOptions Parse(string[] arguments, Func<string, string?> environment)
    {
        var given = new Dictionary<string, string>();
        for (var at = 0; at < arguments.Length; at += 2)
        {
            var name = arguments[at].StartsWith("--", StringComparison.Ordinal) ? arguments[at][2..] : "";
            if (!Names.Contains(name)) throw new FormatException($"unknown option {arguments[at]}");
            if (at + 1 == arguments.Length) throw new FormatException($"{arguments[at]} needs a value");
            given[name] = arguments[at + 1];
        }

        var defaults = new SimulatedBaseOptions();
        return new(
            new SimulatedBaseOptions
            {
                Address = Value("address", "ADDRESS", IPAddress.Parse) ?? defaults.Address,
                ArkletPort = Value<int?>("arklet-port", "ARKLET_PORT", t => Port(t)) ?? 1238,
                WebPort = Value<int?>("web-port", "WEB_PORT", t => Port(t)) ?? 8080,
                WorkDirectory = Value("work-dir", "WORK_DIR", t => t) ?? defaults.WorkDirectory,
                LogFile = Value("log", "LOG_FILE", t => t),
                StartDelay = Value<TimeSpan?>("start-delay", "START_DELAY", t => Seconds(t)) ?? default,
                InstallTime = Value<TimeSpan?>("install-time", "INSTALL_TIME", t => Seconds(t)) ?? default,
                MaxMetaspace = Value<long?>("max-metaspace", "MAX_METASPACE", t => long.Parse(t, CultureInfo.InvariantCulture)) ?? -1,
            },
            Value<int?>("admin-port", "ADMIN_PORT", t => Port(t)));

        T? Value<T>(string name, string variable, Func<string, T> parse)
        {
            if (!given.TryGetValue(name, out var text)) text = environment(variable);
            if (string.IsNullOrEmpty(text)) return default;
            try
            {
                return parse(text);
            }
            catch (Exception e) when (e is FormatException or OverflowException)
            {
                throw new FormatException($"--{name} (or {variable}) can't be '{text}'", e);
            }
        }

        static int Port(string text) => ushort.Parse(text, CultureInfo.InvariantCulture);
        static TimeSpan Seconds(string text) => TimeSpan.FromSeconds(double.Parse(text, CultureInfo.InvariantCulture));
    }
}
