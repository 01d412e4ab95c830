using System.CommandLine;

namespace ModuleController.Dev.ArkletSimulator;

/// <summary><c>make-jar FILE NAME VERSION [CONTEXT-PATH]</c>: writes a module that the simulator can install.</summary>
internal static class MakeJarCommand
{
    public static Command Create()
    {
        var file = new Argument<string>("FILE") { Description = "Jar to write" };
        var name = new Argument<string>("NAME") { Description = "Name of the module" };
        var version = new Argument<string>("VERSION") { Description = "Version of the module" };
        var path = new Argument<string?>("CONTEXT-PATH")
        {
            Description = "Web context path (none: a module without web)",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var command = new Command("make-jar", "Writes a module that the simulator can install.") { file, name, version, path };
        command.SetAction(parsed => Write(
            parsed.GetValue(file)!, parsed.GetValue(name)!, parsed.GetValue(version)!, parsed.GetValue(path)));
        return command;
    }

    private static int Write(string file, string name, string version, string? path)
    {
        try
        {
            SampleJar.Write(file, name, version, path);
            return 0;
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            Console.Error.WriteLine(problem.Message);
            return 1;
        }
    }
}
