using System.Text.Json;
using System.Text.Json.Nodes;
using ModuleController.Core.Builtin;
using ModuleController.Core.Builtin.Templates;
using ModuleController.Core.Injection;
using ModuleController.Core.Placement;

namespace ModuleController.Core.Tests.Injection;

/// <summary>What is reported about pods that did not get the agent, and about a label in the wrong place.</summary>
public sealed class InjectionReportTests
{
    private const string NotInjected = "not injected: spec.volumes has a volume named agent-token already";

    [Fact]
    public void Pods_with_the_same_problem_are_one_report()
    {
        var reports = InjectionReport.Of(Deployment(template: "true"), isNamed: true,
            [Pod(NotInjected), Pod(NotInjected), Pod("injected: no DNS", "agent"), Pod("injected", "agent")], exclusion: null);

        Assert.Equal(
            [
                "AgentNotInjected: Pods do not get the agent: spec.volumes has a volume named agent-token already",
                "InjectionWarning: The agent was injected: no DNS",
            ],
            reports.Select(report => $"{report.Reason}: {report.Message}"));
    }

    [Theory]
    [InlineData(true, null, "kubectl -n shop patch deployment base")]
    [InlineData(false, "true", "kubectl -n shop rollout restart deployment base")]
    [InlineData(true, "true", "kubectl -n shop rollout restart deployment base")]
    public void Pods_of_a_base_without_an_agent_are_reported_with_the_command_that_helps(bool isNamed, string? template, string command)
    {
        var report = Assert.Single(InjectionReport.Of(
            Deployment(template: template), isNamed, [WithLabel(Pod(null), template), Pod(null, "agent")], exclusion: null));

        Assert.Equal("AgentMissing", report.Reason);
        Assert.Contains(command, report.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_Deployment_that_is_no_base_and_one_without_pods_are_not_reported()
    {
        Assert.Empty(InjectionReport.Of(Deployment(), isNamed: false, [Pod(null)], exclusion: null));
        Assert.Empty(InjectionReport.Of(Deployment(template: "true"), isNamed: true, [], exclusion: null));
    }

    /// <summary>The rolling update that the label began replaces them.</summary>
    [Fact]
    public void Pods_from_before_the_label_was_added_are_not_reported() =>
        Assert.Empty(InjectionReport.Of(Deployment(template: "true"), isNamed: true, [Pod(null)], exclusion: null));

    [Theory]
    [InlineData("kube-system", true, null, "pods of namespace kube-system never get the agent")]
    [InlineData("mc", true, null, "pods of namespace mc never get the agent")]
    [InlineData("shop", true, "other", "this controller reconciles namespace other only")]
    [InlineData("shop", false, null, "this controller answers no webhooks: add the agent to the manifest with the command inject")]
    public void Where_nothing_is_injected_no_restart_is_recommended(string ns, bool hasWebhook, string? watched, string why)
    {
        var exclusion = new InjectionScope("mc", hasWebhook, watched).Exclusion(ns);
        var pod = WithLabel(Pod(null), "true");

        var report = Assert.Single(InjectionReport.Of(Deployment(template: "true"), isNamed: true, [pod], exclusion));

        Assert.Equal($"Pods of this base have no agent and get no modules: {why}", report.Message);
        Assert.Equal(why, MissingAgent.ReasonOf(pod, exclusion));
        Assert.Null(new InjectionScope("mc", true, "shop").Exclusion("shop"));
    }

    [Theory]
    [InlineData("true", null, true)]
    [InlineData("true", "true", false)]
    [InlineData("true", "false", false)]
    [InlineData("false", null, false)]
    [InlineData(null, null, false)]
    public void A_label_on_the_Deployment_instead_of_its_template_is_found_in_both_forms(string? own, string? template, bool isMisplaced)
    {
        var json = new JsonObject
        {
            ["metadata"] = new JsonObject { ["labels"] = Labels(own) },
            ["spec"] = new JsonObject { ["template"] = new JsonObject { ["metadata"] = new JsonObject { ["labels"] = Labels(template) } } },
        };

        Assert.Equal(isMisplaced, InjectionReport.Of(Deployment(own, template), isNamed: false, [], exclusion: null).Count == 1);
        Assert.Equal(isMisplaced, MisplacedLabel.Find(json, "shop", "base") is not null);
    }

    [Fact]
    public void The_command_is_a_patch_of_the_pod_template()
    {
        var command = MisplacedLabel.Command("shop", "base");

        var patch = JsonNode.Parse(command[command.IndexOf('{', StringComparison.Ordinal)..^1])!;
        Assert.Equal("true", (string?)patch["spec"]!["template"]!["metadata"]!["labels"]!["koupleless.io/inject"]);
        Assert.StartsWith("kubectl -n shop patch deployment base -p '", command, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null, NotInjected, "spec.volumes has a volume named agent-token already")]
    [InlineData("true", null, "the pod was created before the webhook could inject it")]
    [InlineData("false", null, "the pod has the label koupleless.io/inject: \"false\"")]
    [InlineData("yes", null, "label koupleless.io/inject must be \"true\" or \"false\", not \"yes\"")]
    [InlineData(null, null, "the pod does not request it with the label koupleless.io/inject: \"true\"")]
    public void Placement_names_the_reason_why_a_pod_has_no_agent(string? label, string? status, string reason)
    {
        var pod = Pod(status) with { Metadata = Pod(status).Metadata with { Name = "base-0", Uid = "uid", Labels = Read(label) } };

        var observed = new ObservedPod(pod, null, null) { MissingAgent = MissingAgent.ReasonOf(pod, exclusion: null) };

        Assert.Equal($"has no agent: {reason}", PodAssessment.Of(observed, TimeSpan.FromMinutes(5), default).Refusal);
    }

    [Theory]
    [InlineData("initContainers")]
    [InlineData("containers")]
    public void A_pod_with_an_agent_lacks_none(string list) =>
        Assert.Null(MissingAgent.ReasonOf(JsonSerializer.Deserialize(
            $$$"""{"spec":{"{{{list}}}":[{"name":"agent"}]}}""", BuiltinJson.Default.Pod)!, exclusion: null));

    private static Deployment Deployment(string? own = null, string? template = null) => new()
    {
        Metadata = new() { Name = "base", Namespace = "shop", Labels = Read(own) },
        Spec = new() { Template = new() { Metadata = new() { Labels = Read(template) } } },
    };

    private static Pod Pod(string? status, params string[] sidecars) => new()
    {
        Metadata = new()
        {
            Annotations = status is null
                ? new Dictionary<string, string>() : new Dictionary<string, string> { [InjectionKeys.Status] = status },
        },
        Spec = new() { Containers = [new("base")], InitContainers = [.. sidecars.Select(name => new PodContainer(name))] },
        Status = new() { Conditions = [new() { Type = "ContainersReady", Status = "True" }] },
    };

    private static Pod WithLabel(Pod pod, string? label) => pod with { Metadata = pod.Metadata with { Labels = Read(label) } };

    private static Dictionary<string, string> Read(string? label) =>
        label is null ? [] : new Dictionary<string, string> { [InjectionKeys.Inject] = label };

    private static JsonObject? Labels(string? label) => label is null ? null : new JsonObject { [InjectionKeys.Inject] = label };
}
