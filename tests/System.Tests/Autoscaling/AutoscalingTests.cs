using System.Text.Json.Nodes;
using ModuleController.Core.Builtin;
using ModuleController.Core.Modules.Facts;
using ModuleController.Core.Modules.Names;
using ModuleController.SystemTests.Harness;

namespace ModuleController.SystemTests.Autoscaling;

/// <summary>The samples of docs/scaling.md with the HPA controller of a real cluster.</summary>
public sealed class AutoscalingTests
{
    /// <summary>The HPA controller acts every 15 s by default.</summary>
    private static readonly TimeSpan FewSyncs = TimeSpan.FromMinutes(3);

    /// <summary>The reason of ScalingActive=True, and that of an autoscaler that is switched off.</summary>
    private const string Valid = "ValidMetricFound", Ambiguous = "AmbiguousSelector";

    [Fact]
    public async Task Two_modules_and_their_base_each_have_an_autoscaler_and_none_is_ambiguous()
    {
        Assert.SkipUnless(Environment.GetEnvironmentVariable("MODULECONTROLLER_TEST_KUBECONFIG") is { Length: > 0 },
            "needs the HPA controller of a real cluster: set MODULECONTROLLER_TEST_KUBECONFIG");
        Assert.SkipUnless(Harness.Kubectl.IsInstalled, "no kubectl on PATH");
        await using var world = await World.StartAsync();
        using var kubectl = new Harness.Kubectl(world);
        await using var metrics = await ExternalMetrics.ServeAsync(world, kubectl);
        await world.BaseAsync("base", 2, change: template => template["spec"]!["automountServiceAccountToken"] = false);
        foreach (var name in (string[])["orders", "catalog"])
            await world.CreateAsync(A.Module(name, "1.0.0", world.Jar(name, "1.0.0")).On("base").Replicas(1));
        await world.AvailableAsync("orders", 1, "1.0.0");
        await world.AvailableAsync("catalog", 1, "1.0.0");

        foreach (var (label, value) in (ReadOnlySpan<(string, int)>)[("base=base", 40), ("queue=orders", 30), ("queue=catalog", 20)])
            metrics.Set(label, value);
        await kubectl.RunAsync("apply", "-f", Path.Combine(Manifests.Root, "deploy", "examples", "scaling", "hpa.yaml"));
        await Eventually.True(
            async () => (await world.Client.GetAsync<Deployment>(new(world.Namespace, "base"))).Spec.Replicas == 4,
            () => DescribeAsync(kubectl), FewSyncs, "the base has 4 replicas");
        await world.AvailableAsync("orders", 3, "1.0.0", FewSyncs);
        await world.AvailableAsync("catalog", 2, "1.0.0", FewSyncs);
        await ActiveAsync(kubectl, ("base", Valid), ("catalog", Valid), ("orders", Valid));
        Assert.DoesNotContain(Ambiguous, await kubectl.RunAsync("events"), StringComparison.Ordinal);

        // Why the default selects no pod: with the annotation, the base's autoscaler finds the same pods.
        await AnnotateAsync(world, ScaleSelector.BasePods);
        await ActiveAsync(kubectl, ("base", Ambiguous), ("catalog", Valid), ("orders", Ambiguous));
        await AnnotateAsync(world, null);
        await ActiveAsync(kubectl, ("base", Valid), ("catalog", Valid), ("orders", Valid));
    }

    private static Task AnnotateAsync(World world, string? selector) => world.PatchAsync("orders", new()
    {
        ["metadata"] = new JsonObject { ["annotations"] = new JsonObject { [Annotations.ScaleSelector] = selector } },
    });

    private static async Task ActiveAsync(Harness.Kubectl kubectl, params (string Name, string Reason)[] autoscalers)
    {
        foreach (var (name, reason) in autoscalers)
        {
            var (exitCode, _) = await kubectl.TryAsync("wait", $"hpa/{name}", $"--timeout={FewSyncs.TotalSeconds}s",
                $"--for=jsonpath={{.status.conditions[?(@.type==\"ScalingActive\")].reason}}={reason}");
            Assert.True(exitCode == 0,
                $"the autoscaler {name} has not come to {reason}\n{(exitCode == 0 ? "" : await DescribeAsync(kubectl))}");
        }
    }

    private static async Task<string> DescribeAsync(Harness.Kubectl kubectl) =>
        await kubectl.RunAsync("describe", "hpa") + await kubectl.RunAsync("get", "mddeploy,md,deployments,pods", "-o", "wide");
}
