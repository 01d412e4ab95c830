namespace ModuleController.Dev.Cluster.Demo;

/// <summary>What the demo runs, and for how long.</summary>
/// <param name="IsOnce">Ends after the last step instead of waiting for Ctrl-C.</param>
/// <param name="Timeout">For all steps together.</param>
internal sealed record DemoOptions(bool IsOnce, TimeSpan Timeout, bool IsVerbose)
{
    /// <summary>A real base that runs instead of the simulated ones; null: simulated ones.</summary>
    public string? BaseJar { get; init; }

    /// <summary>The directory of the real base's modules.</summary>
    public string? Modules { get; init; }

    public string Jvm => BaseJar is null ? "\"JVM\"" : "JVM";
}
