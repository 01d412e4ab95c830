using System.Globalization;

namespace ModuleController.Dev.Cluster.Demo;

/// <summary>What the demo is asked to do.</summary>
internal sealed record DemoOptions
{
    public const string Usage = "demo [--once] [--timeout SECONDS] [--base-jar FILE --modules DIRECTORY] [--verbose]";

    /// <summary>Ends when everything has been shown.</summary>
    public bool IsOnce { get; init; }

    /// <summary>How long the story may take before it has failed.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(120);

    /// <summary>A real base to run in place of the simulated ones, and where its modules are.</summary>
    public string? BaseJar { get; init; }

    public string? Modules { get; init; }

    public bool IsVerbose { get; init; }

    /// <summary>Throws <see cref="FormatException"/> with a line for the user.</summary>
    public static DemoOptions Parse(string[] arguments)
    {
        var options = new DemoOptions();
        for (var at = 0; at < arguments.Length; at++)
        {
            options = arguments[at] switch
            {
                "--once" => options with { IsOnce = true },
                "--verbose" => options with { IsVerbose = true },
                "--timeout" => options with { Timeout = Seconds(Value()) },
                "--base-jar" => options with { BaseJar = Path.GetFullPath(Value()) },
                "--modules" => options with { Modules = Path.GetFullPath(Value()) },
                var unknown => throw new FormatException($"unknown option {unknown}"),
            };

            string Value() => ++at < arguments.Length ? arguments[at] : throw new FormatException($"{arguments[at - 1]} needs a value");
        }

        // Three JVMs that start at once take their time on a small machine.
        if (options.BaseJar is not null && !arguments.Contains("--timeout")) options = options with { Timeout = options.Timeout * 2 };
        if (options.BaseJar is null != options.Modules is null) throw new FormatException("--base-jar and --modules belong together");
        if (options.BaseJar is { } jar && !File.Exists(jar)) throw new FormatException($"--base-jar: there is no file {jar}");
        foreach (var version in (string[])[SampleModule.First, SampleModule.Second])
        {
            if (options.Modules is { } directory && !File.Exists(SampleModule.Jar(directory, version)))
                throw new FormatException($"--modules: there is no file {SampleModule.Jar(directory, version)}");
        }

        return options;
    }

    private static TimeSpan Seconds(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) && seconds > 0
            ? TimeSpan.FromSeconds(seconds) : throw new FormatException($"--timeout: {text} is no number of seconds");
}

/// <summary>The module that the demo installs: two versions that answer on one path, so they cannot live side by side.</summary>
internal static class SampleModule
{
    public const string Name = "orders";
    public const string First = "1.0.0";
    public const string Second = "1.1.0";
    public const string Page = "/orders/hello";

    public static string Jar(string directory, string version) => Path.Combine(directory, $"{Name}-{version}.jar");
}
