namespace ModuleController.Core.Tests.Crds;

/// <summary>Finds files of the repository that the tests run in.</summary>
internal static class RepositoryFiles
{
    public static string Root { get; } = FindRoot();

    public static string PathOf(params string[] parts) => Path.Combine([Root, .. parts]);

    /// <summary>All YAML files below a folder, as paths relative to the root, so that test names are short.</summary>
    public static IEnumerable<string> YamlBelow(params string[] folder) =>
        Directory.EnumerateFiles(PathOf(folder), "*.yaml", SearchOption.AllDirectories)
            .Select(file => Path.GetRelativePath(Root, file))
            .Order(StringComparer.Ordinal);

    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, "ModuleController.sln")))
                return folder.FullName;
        throw new InvalidOperationException($"no ModuleController.sln above {AppContext.BaseDirectory}");
    }
}
