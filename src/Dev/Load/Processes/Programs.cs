namespace ModuleController.Dev.Load.Processes;

/// <summary>The other executables of the repository, as they were built with this one.</summary>
public static class Programs
{
    public static string Controller { get; } = Beside("ModuleController.ControlPlane.dll");

    public static string DevCluster { get; } = Beside("ModuleController.Dev.Cluster.dll");

    // A copy beside another program would lack the runtime settings for the web framework.
    public static string Agent => InOwnFolder("Agent", "ModuleController.Agent.dll");

    public static string Load => InOwnFolder("Load", "ModuleController.Dev.Load.dll");

    private static string InOwnFolder(string project, string name)
    {
        // artifacts/bin/<project>/<configuration>
        var own = new DirectoryInfo(AppContext.BaseDirectory.TrimEnd(Path.DirectorySeparatorChar));
        var path = Path.Combine(own.Parent!.Parent!.FullName, project, own.Name, name);
        return File.Exists(path) ? path : throw new FileNotFoundException($"{project} is not built", path);
    }

    private static string Beside(string name) => Path.Combine(AppContext.BaseDirectory, name);
}
