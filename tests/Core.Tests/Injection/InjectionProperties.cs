using System.Globalization;
using System.Text.Json.Nodes;
using CsCheck;
using ModuleController.Core.Injection;

namespace ModuleController.Core.Tests.Injection;

/// <summary>What holds for every pod.</summary>
public class InjectionProperties
{
    [Fact]
    public void A_second_pass_changes_nothing() => PodGenerator.Pods.Sample(json =>
    {
        var first = PodInjector.InjectPod(Pods.Parse(json), Pods.Options);
        // As it comes back from the API server.
        var stored = Pods.Parse(first.Pod.ToJsonString());
        var second = PodInjector.InjectPod(stored, Pods.Options with { AgentImage = "newer", Audience = "other" });

        Assert.Same(stored, second.Pod);
        Assert.Equal(first.IsInjected, second.IsInjected);
        Assert.Empty(InjectionPatch.Between(stored, second.Pod));
    }, iter: 1000);

    [Fact]
    public void A_pod_loses_nothing_and_its_input_is_not_changed() => PodGenerator.Pods.Sample(json =>
    {
        var pod = Pods.Parse(json);
        var result = PodInjector.InjectPod(pod, Pods.Options);

        Assert.Equal(json, pod.ToJsonString());
        Assert.All(JsonDifference.Between(pod, result.Pod), change => Assert.True(IsAllowed(change!.AsObject()), change.ToJsonString()));
    }, iter: 1000);

    [Fact]
    public void A_pod_gets_all_or_nothing_and_the_annotation_says_which() => PodGenerator.Pods.Sample(json =>
    {
        var pod = Pods.Parse(json);
        var result = PodInjector.InjectPod(pod, Pods.Options);
        if (ReferenceEquals(pod, result.Pod)) return;

        var paths = JsonDifference.Between(pod, result.Pod).Select(change => (string)change!["path"]!).ToList();
        Assert.Equal(result.IsInjected, paths.Any(path => path.StartsWith("/spec/initContainers", StringComparison.Ordinal)));
        Assert.Equal(result.IsInjected, paths.Any(path => path.StartsWith("/spec/volumes", StringComparison.Ordinal)));
        Assert.Equal(result.IsInjected, paths.Any(path => path.Contains("/volumeMounts", StringComparison.Ordinal)));
        Assert.StartsWith(result.IsInjected ? "injected" : "not injected: ", Pods.Status(result.Pod), StringComparison.Ordinal);
        if (result.IsInjected) Assert.Equal("agent", (string?)result.Pod["spec"]!["initContainers"]!.AsArray()[^1]!["name"]);
    }, iter: 1000);

    [Fact]
    public void The_patch_leads_from_the_pod_to_the_result() => Gen.OneOf(PodGenerator.Pods, PodGenerator.Malformed).Sample(json =>
    {
        var pod = Pods.Parse(json);
        AssertPatch(pod, PodInjector.InjectPod(pod, Pods.Options).Pod);
        AssertPatch(pod, PodInjector.InjectTemplate(pod, Pods.Options).Pod);
    }, iter: 2000);

    [Fact]
    public void Malformed_JSON_is_reported_and_never_thrown_at_the_caller() => PodGenerator.Malformed.Sample(json =>
    {
        PodInjector.InjectPod(Pods.Parse(json), Pods.Options);
        PodInjector.InjectTemplate(Pods.Parse(json), Pods.Options);
        ManifestInjector.Inject(Pods.Parse("{\"kind\":\"Deployment\",\"spec\":{\"template\":" + json + "}}"), "shop", Pods.Options);
    }, iter: 1000);

    private static bool IsAllowed(JsonObject change)
    {
        var (op, path) = ((string?)change["op"], (string)change["path"]!);
        return op == "add" || (op == "replace"
            && (path == "/metadata/annotations/koupleless.io~1injection-status" || path.EndsWith("/value", StringComparison.Ordinal)));
    }

    private static void AssertPatch(JsonObject before, JsonObject after)
    {
        var document = before.DeepClone();
        foreach (var change in InjectionPatch.Between(before, after)) Apply(document, change!.AsObject());
        Assert.True(JsonNode.DeepEquals(after, document), $"{after.ToJsonString()}\n{document.ToJsonString()}");
    }

    private static void Apply(JsonNode document, JsonObject change)
    {
        var steps = ((string)change["path"]!).Split('/')[1..]
            .Select(step => step.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal)).ToArray();
        var parent = steps[..^1].Aggregate(document, (node, step) => node is JsonArray list ? list[Index(step)]! : node[step]!);
        var value = change["value"]?.DeepClone();
        switch (parent, (string?)change["op"])
        {
            case (JsonObject map, _): map[steps[^1]] = value; break;
            case (JsonArray list, "add"): list.Insert(steps[^1] == "-" ? list.Count : Index(steps[^1]), value); break;
            case (JsonArray list, _): list[Index(steps[^1])] = value; break;
            default: Assert.Fail(change.ToJsonString()); break;
        }
    }

    private static int Index(string step) => int.Parse(step, CultureInfo.InvariantCulture);
}
