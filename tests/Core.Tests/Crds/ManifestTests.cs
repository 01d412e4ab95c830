using System.Text.Json.Nodes;

namespace ModuleController.Core.Tests.Crds;

/// <summary>Manifests of users, from version 1 and from deploy/, against the schemas.</summary>
public class ManifestTests
{
    private const string Good = """
        apiVersion: koupleless.io/v1alpha1
        kind: ModuleDeployment
        metadata: {name: orders}
        spec:
          baseDeploymentName: base
          replicas: 1
          template: {spec: {module: {name: orders, version: 1.0.0, url: "http://artifacts.example/orders.jar"}}}
          operationStrategy: {serviceStrategy: {enableModuleService: true, port: 8080}}
          schedulingStrategy: {schedulingPolicy: scatter}
          hooks: {preInstall: {port: 8080, path: /ready}}
        """;

    public static TheoryData<string> Files =>
    [
        .. RepositoryFiles.YamlBelow("tests", "fixtures", "v1"),
        .. RepositoryFiles.DeployManifests().Where(file => YamlDocuments.Read(file).Any(IsOurs)),
    ];

    [Theory, MemberData(nameof(Files))]
    public void A_manifest_is_valid_and_loses_no_field(string file) =>
        Assert.All(YamlDocuments.Read(file).Where(IsOurs), manifest => Assert.Empty(Errors(manifest)));

    [Fact]
    public void Version_1_is_covered_by_its_manifests() => Assert.Equal(9, RepositoryFiles.YamlBelow("tests", "fixtures", "v1").Count());

    [Theory]
    [InlineData("spec.replicas", "-1")]
    [InlineData("spec.replicas", "0")]
    [InlineData("spec.scaleReplicas", "0")]
    [InlineData("spec.priority", "-5")]
    [InlineData("spec.operationStrategy.maxUnavailable", "0")]
    [InlineData("spec.operationStrategy.maxUnavailable", "3")]
    [InlineData("spec.operationStrategy.maxUnavailable", "25%")]
    [InlineData("spec.operationStrategy.maxUnavailable", "100%")]
    [InlineData("spec.operationStrategy.upgradePolicy", "scaleUpThenScaleDown")]
    [InlineData("spec.operationStrategy.upgradePolicy", "''")]
    [InlineData("spec.operationStrategy.serviceStrategy.targetPort", "0")]
    [InlineData("spec.operationStrategy.serviceStrategy.targetPort", "http")]
    [InlineData("spec.operationStrategy.serviceStrategy.type", "ClusterIP")]
    [InlineData("spec.schedulingStrategy.schedulingPolicy", "Stacking")]
    [InlineData("spec.template.spec.module.name", "Orders_2.eu")]
    [InlineData("spec.template.spec.module.version", "1.0.0-SNAPSHOT")]
    [InlineData("spec.template.spec.module.url", "https://artifacts.example:8443/a/orders.jar?token=1#x")]
    [InlineData("spec.template.spec.module.url", "file:///opt/modules/orders.jar")]
    [InlineData("spec.template.spec.module.md5", "''")]
    public void Accepted(string field, string value) => Assert.Empty(Errors(With(field, value)));

    [Theory]
    [InlineData("spec.baseDeploymentName", null)]
    [InlineData("spec.baseDeploymentName", "''")]
    [InlineData("spec.baseDeploymentName", "No_Deployment")]
    [InlineData("spec.template", null)]
    [InlineData("spec.template.spec.module", null)]
    [InlineData("spec.template.spec.module.name", null)]
    [InlineData("spec.template.spec.module.name", "''")]
    [InlineData("spec.template.spec.module.name", "-orders")]
    [InlineData("spec.template.spec.module.name", "or/ders")]
    [InlineData("spec.template.spec.module.name", "a234567890123456789012345678901234567890123456789012x")]
    [InlineData("spec.template.spec.module.version", null)]
    [InlineData("spec.template.spec.module.version", "''")]
    [InlineData("spec.template.spec.module.version", "1.0 beta")]
    [InlineData("spec.template.spec.module.version", "1.0+7")]
    [InlineData("spec.template.spec.module.url", null)]
    [InlineData("spec.template.spec.module.url", "''")]
    [InlineData("spec.template.spec.module.url", "orders.jar")]
    [InlineData("spec.template.spec.module.url", "ftp://artifacts.example/orders.jar")]
    [InlineData("spec.template.spec.module.url", "http://")]
    [InlineData("spec.template.spec.module.url", "http:///orders.jar")]
    [InlineData("spec.template.spec.module.sha256", "abc")]
    [InlineData("spec.replicas", "-2")]
    [InlineData("spec.replicas", "many")]
    [InlineData("spec.replicas", "3000000000")]
    [InlineData("spec.scaleReplicas", "-1")]
    [InlineData("spec.operationStrategy.maxUnavailable", "-1")]
    [InlineData("spec.operationStrategy.maxUnavailable", "101%")]
    [InlineData("spec.operationStrategy.maxUnavailable", "half")]
    [InlineData("spec.operationStrategy.upgradePolicy", "at_once")]
    [InlineData("spec.operationStrategy.serviceStrategy.port", "0")]
    [InlineData("spec.operationStrategy.serviceStrategy.port", "65536")]
    [InlineData("spec.operationStrategy.serviceStrategy.targetPort", "-1")]
    [InlineData("spec.operationStrategy.serviceStrategy.targetPort", "65536")]
    [InlineData("spec.operationStrategy.serviceStrategy.targetPort", "'8080'")]
    [InlineData("spec.operationStrategy.serviceStrategy.type", "Ingress")]
    [InlineData("spec.schedulingStrategy.schedulingPolicy", "random")]
    [InlineData("spec.hooks.preInstall.port", "0")]
    [InlineData("spec.hooks.preInstall.path", "ready")]
    [InlineData("spec.hooks.preInstall.failurePolicy", "Retry")]
    [InlineData("spec.hooks.preInstall.timeoutSeconds", "0")]
    [InlineData("spec.hooks.preInstall.retries", "11")]
    [InlineData("spec.replcias", "3")]
    public void Refused_with_the_name_of_the_field(string field, string? value) =>
        Assert.StartsWith(field + ": ", Assert.Single(Errors(With(field, value)).Take(1)), StringComparison.Ordinal);

    private static bool IsOurs(JsonObject manifest) => (string?)manifest["apiVersion"] == "koupleless.io/v1alpha1";

    private static IEnumerable<string> Errors(JsonObject manifest) =>
        SchemaCheck.Errors(Crd.All[(string)manifest["kind"]!].Schema, manifest);

    /// <summary>The good manifest with one field set to a YAML scalar, or taken away.</summary>
    private static JsonObject With(string field, string? yaml)
    {
        var manifest = YamlDocuments.Parse(Good)!.AsObject();
        var path = field.Split('.');
        var parent = path[..^1].Aggregate(manifest, (node, name) => node[name]!.AsObject());
        if (yaml is null) parent.Remove(path[^1]);
        else parent[path[^1]] = YamlDocuments.Parse(yaml);
        return manifest;
    }
}
