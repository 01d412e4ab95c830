namespace ModuleController.Agent.Tests;

/// <summary>A folder that goes with the test.</summary>
public sealed class TemporaryFolder : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("agent-test-");

    public string Path => _folder.FullName;

    public string Combine(params string[] names) => System.IO.Path.Combine([Path, .. names]);

    public void Dispose() => _folder.Delete(recursive: true);
}
