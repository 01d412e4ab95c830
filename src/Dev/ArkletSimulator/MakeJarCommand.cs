namespace ModuleController.Dev.ArkletSimulator;

/// <summary><c>make-jar FILE NAME VERSION [CONTEXT-PATH]</c>: writes a module that the simulator can install.</summary>
internal static class MakeJarCommand
{
    public static int Run(string[] arguments)
    {
        if (arguments is not [var file, var name, var version, .. var path] || path.Length > 1)
        {
            Console.Error.WriteLine("usage: make-jar FILE NAME VERSION [CONTEXT-PATH]");
            return 2;
        }

        try
        {
            SampleJar.Write(file, name, version, path.FirstOrDefault());
            return 0;
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            Console.Error.WriteLine(problem.Message);
            return 1;
        }
    }
}
