using System.Text.Json.Nodes;
using ModuleController.Core.Modules;
using ModuleController.Core.Tests.Crds;
using ModuleController.Core.Tests.World;

namespace ModuleController.Core.Tests.GitOps;

/// <summary>What deploy/gitops and the samples for autoscalers name exists.</summary>
public class GitOpsFilesTests
{
    private static readonly string[] Kinds = ["ModuleDeployment", "ModuleReplicaSet", "Module"];

    [Fact]
    public void Argo_cd_is_given_kinds_and_fields_that_exist()
    {
        var data = YamlDocuments.Read("deploy/gitops/argocd-cm.yaml").Single()["data"]!.AsObject();
        Assert.Equal(Kinds.Select(kind => $"resource.customizations.health.koupleless.io_{kind}"), data.Select(pair => pair.Key)
            .Where(key => key.Contains(".health.", StringComparison.Ordinal)));
        var ignored = YamlDocuments.Parse((string)data["resource.customizations.ignoreDifferences.koupleless.io_ModuleDeployment"]!)![
            "jsonPointers"]!;
        var application = YamlDocuments.Read("deploy/gitops/argocd-application.yaml").Single()["spec"]!;
        Assert.Equal(["/spec/scaleReplicas", "/spec/confirmBatchNum"], Strings(ignored));
        Assert.Equal(["/spec/replicas", "/spec/scaleReplicas", "/spec/confirmBatchNum"],
            Strings(application["ignoreDifferences"]![0]!["jsonPointers"]));
        var spec = Crd.All["ModuleDeployment"].Schema["properties"]!["spec"]!["properties"]!.AsObject();
        Assert.All(Strings(application["ignoreDifferences"]![0]!["jsonPointers"]),
            pointer => Assert.Contains(pointer["/spec/".Length..], spec));
    }

    /// <summary>Those that the controller writes by itself; a verb of an operator may write others.</summary>
    [Fact]
    public void The_fields_to_ignore_are_those_that_a_release_and_a_scale_write()
    {
        var story = Story.Of(4, strategy: strategy => strategy with { BatchCount = 2, NeedConfirm = true })
            .Change(spec => spec with { ScaleReplicas = null }).Settle();
        var applied = story.Deployment.Spec;
        story.Confirm(1).Settle().Scale(3).Settle();
        var (before, after) = (Fields(applied), Fields(story.Deployment.Spec));
        Assert.Equal(["confirmBatchNum", "replicas", "scaleReplicas"],
            after.Where(pair => !JsonNode.DeepEquals(before[pair.Key], pair.Value))
            .Select(pair => pair.Key).Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("deploy/examples/scaling/hpa.yaml", 2)]
    [InlineData("deploy/examples/scaling/keda.yaml", 1)]
    [InlineData("deploy/examples/scaling/one-module.yaml", 1)]
    public void A_sample_scales_our_kind(string file, int count)
    {
        var targets = YamlDocuments.Read(file).Select(document => document["spec"]!["scaleTargetRef"]).OfType<JsonNode>()
            .Where(target => (string?)target["kind"] == "ModuleDeployment").ToList();
        Assert.Equal(count, targets.Count);
        Assert.All(targets, target => Assert.Equal("koupleless.io/v1alpha1", (string?)target["apiVersion"]));
    }

    private static JsonObject Fields(ModuleDeploymentSpec spec) =>
        System.Text.Json.JsonSerializer.SerializeToNode(spec, ModulesJson.Default.ModuleDeploymentSpec)!.AsObject();

    private static IEnumerable<string> Strings(JsonNode? list) => list!.AsArray().Select(text => (string)text!);
}
