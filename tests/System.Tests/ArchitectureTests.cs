using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;

namespace ModuleController.SystemTests;

/// <summary>Who may know whom. The folder tree is the architecture only as long as this holds.</summary>
public sealed class ArchitectureTests
{
    private const string Prefix = "ModuleController.";

    [Theory]
    [InlineData("Core")]
    [InlineData("Protocol")]
    [InlineData("ArkletSimulator")]
    [InlineData("Kube", "Core")]
    [InlineData("DevApiServer")]
    [InlineData("DevKubelet", "Core", "Kube")]
    [InlineData("DevControllers", "Core", "Kube")]
    [InlineData("DevCluster", "DevApiServer", "DevKubelet", "DevControllers", "Core", "Kube")]
    [InlineData("Agent", "Protocol")]
    [InlineData("ControlPlane", "Core", "Kube", "Protocol")]
    public void A_project_references_only_what_it_may(string project, params string[] allowed)
    {
        var references = Read(project, reader => reader.AssemblyReferences
            .Select(handle => reader.GetString(reader.GetAssemblyReference(handle).Name)));
        Assert.Empty(references.Where(name => name.StartsWith(Prefix, StringComparison.Ordinal)).Except(allowed.Select(name => Prefix + name)));
    }

    [Theory]
    [InlineData("Kube")]
    [InlineData("DevApiServer")]
    [InlineData("DevKubelet")]
    [InlineData("DevControllers")]
    [InlineData("DevCluster")]
    public void Of_Core_the_machinery_knows_no_module_type(string project)
    {
        var namespaces = Read(project, reader => reader.TypeReferences
            .Select(handle => reader.GetString(reader.GetTypeReference(handle).Namespace)));
        Assert.DoesNotContain(namespaces, name => name is Prefix + "Core.Modules" or Prefix + "Core.Planning");
    }

    private static IReadOnlyList<string> Read(string project, Func<MetadataReader, IEnumerable<string>> read)
    {
        using var file = new PEReader(File.OpenRead(Path.Combine(AppContext.BaseDirectory, $"{Prefix}{project}.dll")));
        return [.. read(file.GetMetadataReader()).Distinct()];
    }
}
