using System.Text.Json;
using ModuleController.Core.Admission;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Rules;
using ModuleController.Core.Tests.Crds;

namespace ModuleController.Core.Tests.Admission;

/// <summary>Manifests of users of version 1, and the examples: none is denied. What kubectl prints of them is short.</summary>
public class ShippedManifestTests
{
    private const string Digest = "spec.template.spec.module.sha256: is not set, so another jar at this url is installed unnoticed";
    private const string Replicas =
        "spec.replicas: is not set, so no module is installed until it is, or the ModuleDeployment is scaled";
    private const string NodePort = "spec.operationStrategy.serviceStrategy.type: is not set, so the Service opens a port on every node "
        + "(NodePort). Set ClusterIP if it is only called from pods";

    public static TheoryData<string, string[]> Manifests
    {
        get
        {
            var manifests = new TheoryData<string, string[]>();
            foreach (var folder in (string[])["tests/fixtures/v1", "deploy/examples", "deploy/demo"])
            {
                var files = Directory.GetFiles(RepositoryFiles.PathOf(folder), "*.yaml", SearchOption.AllDirectories);
                // That of the demo's images is no manifest.
                foreach (var file in files.Where(file => Path.GetFileName(file) != "images.yaml").Order(StringComparer.Ordinal))
                {
                    var path = Path.GetRelativePath(RepositoryFiles.Root, file);
                    manifests.Add(path, Path.GetFileName(path) switch
                    {
                        "service-and-beta.yaml" => [Digest, NodePort],
                        "stored-scaled-to-nothing.yaml" => [Replicas, Digest],
                        _ => [Digest],
                    });
                }
            }

            return manifests;
        }
    }

    [Theory, MemberData(nameof(Manifests))]
    public void It_is_allowed_with_few_warnings(string file, string[] warnings)
    {
        foreach (var document in YamlDocuments.Read(file))
        {
            switch ((string?)document["kind"])
            {
                case "ModuleDeployment":
                    var deployment = document.Deserialize(ModulesJson.Default.ModuleDeployment)!;
                    Assert.Empty(ModuleRules.Check(deployment));
                    Assert.Equal(warnings, DeploymentWarnings.Of(deployment, null));
                    break;
                case "ModuleTemplate":
                    Assert.Empty(ModuleRules.Check(document.Deserialize(ModulesJson.Default.ModuleTemplate)!));
                    break;
                default:
                    Assert.False(
                        document["apiVersion"]?.ToString().StartsWith("koupleless.io/", StringComparison.Ordinal), $"{document["kind"]}");
                    break;
            }
        }
    }
}
