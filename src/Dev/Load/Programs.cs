namespace ModuleController.Dev.Load;

/// <summary>The other executables of the repository, as they were built with this one.</summary>
public static class Programs
{
    public static string Controller { get; } = Beside("ModuleController.ControlPlane.dll");

    public static string DevCluster { get; } = Beside("ModuleController.Dev.Cluster.dll");

    public static string Agent => InOwnFolder("Agent");

    public static string Load => InOwnFolder("Load");

    /// <summary>Beside another program it would lack what the web framework has for that one.</summary>
    private static string InOwnFolder(string name)
    {
        var own = new DirectoryInfo(AppContext.BaseDirectory.TrimEnd(Path.DirectorySeparatorChar));
        var path = Path.Combine(own.Parent!.Parent!.FullName, name, own.Name, $"ModuleController.{name}.dll");
        return File.Exists(path) ? path : throw new FileNotFoundException($"{name} is not built", path);
    }

    private static string Beside(string name) => Path.Combine(AppContext.BaseDirectory, name);
}
