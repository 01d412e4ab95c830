using System.CommandLine;
using ModuleController.Dev.CommandLine;

namespace ModuleController.Dev.Cluster.Demo;

/// <summary>The command line of <c>demo</c>.</summary>
internal sealed class DemoCommand
{
    private const int TimeoutSeconds = 120;
    private const int JvmTimeoutSeconds = 2 * TimeoutSeconds; // three JVMs that start at once on a small machine

    private readonly Option<bool> _once = new("--once") { Description = "End after the last step" };

    private readonly Option<int?> _timeout = OptionRules.Parsed<int?>(
        "--timeout", "SECONDS", $"Fail if the steps take longer ({TimeoutSeconds}; with --base-jar {JvmTimeoutSeconds})",
        text => OptionRules.WholeNumber(text, 1, int.MaxValue));

    private readonly Option<FileInfo> _baseJar = OptionRules.ExistingFile(
        "--base-jar", "Run this base in real JVMs instead of simulated bases");
    private readonly Option<DirectoryInfo> _modules = new Option<DirectoryInfo>("--modules")
    {
        HelpName = "DIRECTORY",
        Description = $"Directory with {SampleModule.Name}-{SampleModule.First}.jar and {SampleModule.Name}-{SampleModule.Second}.jar",
    }.AcceptExistingOnly();

    private readonly Option<bool> _verbose = new("--verbose") { Description = "Log what the cluster does" };

    public static Command Create()
    {
        var demo = new DemoCommand();
        var command = new Command(
            "demo", "Shows an install, an upgrade and the loss of a JVM on a cluster with a controller and three bases.")
        {
            demo._once, demo._timeout, demo._baseJar, demo._modules, demo._verbose,
        };
        command.SetAction((parsed, _) =>
        {
            var options = demo.Read(parsed);
            return Conflict(options) is { } problem ? CommandLineProgram.RejectAsync(parsed, problem) : DemoRun.RunAsync(options);
        });
        return command;
    }

    private DemoOptions Read(ParseResult parsed)
    {
        var baseJar = parsed.GetValue(_baseJar);
        var timeout = parsed.GetValue(_timeout) ?? (baseJar is null ? TimeoutSeconds : JvmTimeoutSeconds);
        return new(parsed.GetValue(_once), TimeSpan.FromSeconds(timeout), parsed.GetValue(_verbose))
        {
            BaseJar = baseJar?.FullName,
            Modules = parsed.GetValue(_modules)?.FullName,
        };
    }

    private static string? Conflict(DemoOptions options)
    {
        if (options.BaseJar is null != options.Modules is null) return "--base-jar and --modules belong together";
        if (options.Modules is not { } directory) return null;
        return new[] { SampleModule.First, SampleModule.Second }.Select(version => SampleModule.Jar(directory, version))
            .FirstOrDefault(jar => !File.Exists(jar)) is { } missing ? $"--modules: there is no file {missing}" : null;
    }
}
