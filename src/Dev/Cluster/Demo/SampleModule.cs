namespace ModuleController.Dev.Cluster.Demo;

/// <summary>The module that the demo installs: two versions that answer on one path, so they cannot run side by side.</summary>
internal static class SampleModule
{
    public const string Name = "orders";
    public const string First = "1.0.0";
    public const string Second = "1.1.0";
    public const string Page = "/orders/hello";

    public static string Jar(string directory, string version) => Path.Combine(directory, $"{Name}-{version}.jar");
}
