namespace ModuleController.Load;

/// <summary>The other executables of the repository, as they were built with this one.</summary>
internal static class Programs
{
    public static string Controller { get; } = Beside("ModuleController.ControlPlane.dll");

    public static string DevCluster { get; } = Beside("ModuleController.DevCluster.dll");

    /// <summary>From its own folder: beside this program it would lack what the web framework has for us.</summary>
    public static string Agent
    {
        get
        {
            var own = new DirectoryInfo(AppContext.BaseDirectory.TrimEnd(Path.DirectorySeparatorChar));
            var path = Path.Combine(own.Parent!.Parent!.FullName, "Agent", own.Name, "ModuleController.Agent.dll");
            return File.Exists(path) ? path : throw new FileNotFoundException($"the agent is not built; --agent names its executable", path);
        }
    }

    private static string Beside(string name) => Path.Combine(AppContext.BaseDirectory, name);
}
