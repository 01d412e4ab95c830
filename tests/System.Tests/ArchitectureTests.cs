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
    [InlineData("Client")]
    [InlineData("Dev.ArkletSimulator")]
    [InlineData("Kube", "Core")]
    [InlineData("Dev.ApiServer")]
    [InlineData("Dev.Kubelet", "Core", "Kube")]
    [InlineData("Dev.Controllers", "Core", "Kube")]
    [InlineData("Dev.Cluster", "Dev.ApiServer", "Dev.Kubelet", "Dev.Controllers", "Core", "Kube")]
    [InlineData("Agent", "Core", "Protocol")]
    [InlineData("ControlPlane", "Core", "Kube", "Protocol", "Client")]
    public void A_project_references_only_what_it_may(string project, params string[] allowed)
    {
        var references = Read(project, reader => reader.AssemblyReferences
            .Select(handle => reader.GetString(reader.GetAssemblyReference(handle).Name)));
        Assert.Empty(references.Where(name => name.StartsWith(Prefix, StringComparison.Ordinal))
            .Except(allowed.Select(name => Prefix + name)));
    }

    [Theory]
    [InlineData("Kube", "Meta", "Builtin")]
    [InlineData("Dev.ApiServer")]
    [InlineData("Dev.Kubelet", "Meta", "Builtin")]
    [InlineData("Dev.Controllers", "Meta", "Builtin")]
    [InlineData("Dev.Cluster", "Meta", "Builtin")]
    [InlineData("Agent", "Commands", "Meta")]
    public void Of_Core_a_project_uses_only_these_namespaces(string project, params string[] allowed)
    {
        var namespaces = Read(project, reader => reader.TypeReferences
            .Select(handle => reader.GetString(reader.GetTypeReference(handle).Namespace)));
        Assert.Empty(namespaces.Where(name => name.StartsWith(Prefix + "Core.", StringComparison.Ordinal))
            .Except(allowed.Select(name => $"{Prefix}Core.{name}")));
    }

    private static IReadOnlyList<string> Read(string project, Func<MetadataReader, IEnumerable<string>> read)
    {
        using var file = new PEReader(File.OpenRead(Path.Combine(AppContext.BaseDirectory, $"{Prefix}{project}.dll")));
        return [.. read(file.GetMetadataReader()).Distinct()];
    }
}
