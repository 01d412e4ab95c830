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

    /// <summary>The manifests of deploy/: without kustomizations, and without the table of images that the demo's kubelet reads.</summary>
    public static IEnumerable<string> DeployManifests(params string[] folder) =>
        YamlBelow(["deploy", .. folder]).Where(file => Path.GetFileName(file) is not ("kustomization.yaml" or "images.yaml"));

    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, "ModuleController.sln")))
                return folder.FullName;
        throw new InvalidOperationException($"no ModuleController.sln above {AppContext.BaseDirectory}");
    }
}
