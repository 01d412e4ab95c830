using System.Text.Json.Nodes;
using ModuleController.Core.Builtin;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.Kube.Client;

namespace ModuleController.SystemTests.Releases;

/// <summary>A write that is denied for one object stops nothing for the others of its base and pod. Its owner reports it once.</summary>
public sealed class RejectionTests
{
    public static TheoryData<string, Func<string, JsonObject, bool>> Patches => new()
    {
        { "status", (name, patch) => name.StartsWith("shop-", StringComparison.Ordinal) && patch["status"]?["status"] is not null },
        { "finalizer", (name, patch) => name.StartsWith("shop-", StringComparison.Ordinal)
            && patch["metadata"]?["finalizers"] is not null },
    };

    [Theory, MemberData(nameof(Patches))]
    public async Task A_patch_that_is_denied_for_a_module_stops_nothing_else_on_its_pod(string what, Func<string, JsonObject,
        bool> isDenied)
    {
        await using var bench = await ReleaseBench.StartAsync(1);
        bench.Race.BeforePatch = (name, patch) => isDenied(name, patch) ? throw Denied(what) : Task.CompletedTask;
        await bench.CreateAsync("shop", 1);
        await Eventually.True(() => bench.Agents.Sent.Any(command => command.Name == "shop"));
        if (what == "finalizer")
        {
            await bench.Completes("shop", 1);
            await bench.PatchAsync("shop", """{"spec":{"replicas":0}}""");
        }

        await IsReportedAsync(bench, "shop", what);
        await bench.CreateAsync("stock", 1);
        await bench.Completes("stock", 1);
        await bench.DeleteAsync<ModuleDeployment>("stock");
        await Eventually.True(async () => await bench.FindAsync("stock") is null);

        bench.Race.BeforePatch = null;
        await bench.PassMinuteAsync();
        await bench.Completes("shop", what == "status" ? 1 : 0);
        await bench.Becomes("shop", found => found.Status.Conditions.IsTrue(DeploymentConditions.Ready));
    }

    [Fact]
    public async Task A_deletion_that_is_denied_for_a_module_stops_no_other_of_the_base()
    {
        await using var bench = await ReleaseBench.StartAsync(2);
        await bench.CreateAsync("shop", 2);
        await bench.CreateAsync("stock", 2);
        await bench.Completes("shop", 2);
        await bench.Completes("stock", 2);
        bench.Race.BeforeDelete = name => _ = name.StartsWith("shop-", StringComparison.Ordinal) ? throw Denied("deletion") : 0;
        await bench.PatchAsync("shop", """{"spec":{"replicas":0}}""");
        await IsReportedAsync(bench, "shop", "deletion");
        await bench.UpgradeAsync("stock", "2.0.0");
        await bench.Completes("stock", 2, "2.0.0");

        bench.Race.BeforeDelete = null;
        await bench.PassMinuteAsync();
        await bench.Completes("shop", 0);
    }

    [Fact]
    public async Task While_the_labels_of_a_pod_are_denied_its_modules_are_not_available_and_other_pods_go_on()
    {
        await using var bench = await ReleaseBench.StartAsync(2);
        bench.Race.BeforePatch = (name, patch) =>
            name == "base-000" && patch["metadata"]?["labels"] is not null ? throw Denied("labels") : Task.CompletedTask;
        await bench.CreateAsync("shop", 2);
        await IsReportedAsync(bench, "shop", "labels");
        var modules = await bench.ListAsync<Module>();
        Assert.Equal(["base-001"], modules.Where(module => module.IsAvailable).Select(module => module.Spec.PodName));
        bench.Race.BeforePatch = null;
        await bench.PassMinuteAsync();
        await bench.Completes("shop", 2);
    }

    [Fact]
    public async Task A_label_that_is_denied_keeps_no_other_module_of_the_pod_from_traffic()
    {
        await using var bench = await ReleaseBench.StartAsync(1);
        bench.Race.BeforePatch = (_, patch) =>
            patch["metadata"]?["labels"] is JsonObject labels && labels.ContainsKey(Labels.Traffic("shop"))
            ? throw Denied("label")
            : Task.CompletedTask;
        await bench.CreateAsync("shop", 1);
        await IsReportedAsync(bench, "shop", "label");
        await bench.CreateAsync("stock", 1);
        await bench.Completes("stock", 1);
        await bench.DeleteAsync<ModuleDeployment>("stock");
        await Eventually.True(async () => await bench.FindAsync("stock") is null);
        bench.Race.BeforePatch = null;
        await bench.PassMinuteAsync();
        await bench.Completes("shop", 1);
    }

    [Theory]
    [InlineData(0, "TimedOut")]
    [InlineData(429, "TooManyRequests")]
    [InlineData(500, "InternalError")]
    [InlineData(503, "ServiceUnavailable")]
    public async Task A_webhook_that_fails_for_the_modules_of_one_user_stops_no_other_of_the_base(int code, string reason)
    {
        await using var bench = await ReleaseBench.StartAsync(1);
        bench.Race.Reject = write => write.Kind == "Module" && write.Name.StartsWith("shop-", StringComparison.Ordinal)
            && write.Verb.StartsWith("patch", StringComparison.Ordinal)
                ? new(code, reason, "webhook")
                : null;
        await bench.CreateAsync("shop", 1);
        await Eventually.True(async () => (await bench.ListAsync<Module>()).Count > 0);
        await bench.CreateAsync("stock", 1);
        await bench.Completes("stock", 1);
        await bench.DeleteAsync<ModuleDeployment>("stock");
        await Eventually.True(async () => await bench.FindAsync("stock") is null);

        bench.Clock.Jump(TimeSpan.FromMinutes(1));
        var rejected = await bench.Becomes("shop",
            found => found.Status.Conditions.Find(DeploymentConditions.Stalled)?.Reason == Reasons.WriteRejected);
        var module = Assert.Single(await bench.ListAsync<Module>());
        Assert.Equal(
            $"Failed to patch status of Module {module.Metadata.Name}: {new KubeError(code, reason, "webhook")}",
            rejected.Status.Conditions.Find(DeploymentConditions.Stalled)!.Message);
        bench.Race.Reject = _ => null;
        await bench.PassMinuteAsync();
        await bench.Completes("shop", 1);
    }

    [Fact]
    public async Task A_rejected_unit_is_retried_with_backoff_whatever_triggers_its_key_and_is_reported_once()
    {
        await using var bench = await ReleaseBench.StartAsync(2);
        var attempts = 0;
        bench.Race.BeforeCreate = name =>
        {
            if (!name.StartsWith("shop-", StringComparison.Ordinal) || name.Count(letter => letter == '-') < 2) return;
            Interlocked.Increment(ref attempts);
            throw Denied("creation");
        };
        await bench.CreateAsync("shop", 2);
        for (var i = 0; i < 20; i++)
        {
            await bench.AddPodAsync($"base-late-{i:d2}");
            await bench.CreateAsync($"other-{i}", 1);
            await bench.Completes($"other-{i}", 1);
        }

        await IsReportedAsync(bench, "shop", "creation");
        // After 0, 1, 3, 7, 15, 31 s.
        Assert.InRange(attempts, 3, 6);
        Assert.Equal(1, Assert.Single(await RejectionsAsync(bench, "shop")).Count);
        var before = attempts;
        await bench.PatchAsync("shop", """{"metadata":{"labels":{"team":"a"}}}""");
        await Eventually.True(() => attempts == before + 1);
    }

    [Fact]
    public async Task A_warning_that_holds_is_recorded_once_and_not_in_every_reconcile()
    {
        await using var bench = await ReleaseBench.StartAsync(1);
        await bench.CreateAsync("shop", 1);
        await bench.Completes("shop", 1);
        await bench.PatchAsync("shop", """{"metadata":{"annotations":{"koupleless.io/scale-selector":"pods"}}}""");
        for (var replicas = 2; replicas <= 6; replicas++)
        {
            await bench.AddPodAsync($"base-late-{replicas}");
            await bench.PatchAsync("shop", """{"spec":{"replicas":N}}""".Replace("N", $"{replicas}", StringComparison.Ordinal));
            await bench.Completes("shop", replicas);
        }

        await Eventually.True(
            async () => (await EventsAsync(bench, "shop")).Count(recorded => recorded.Reason == Reasons.ReleaseCompleted) > 5);
        Assert.Equal(1, Assert.Single(await EventsAsync(bench, "shop"), recorded => recorded.Reason == Reasons.UnknownScaleSelector).Count);
    }

    private static async Task IsReportedAsync(ReleaseBench bench, string name, string what)
    {
        var stalled = await bench.Becomes(name,
            found => found.Status.Conditions.Find(DeploymentConditions.Stalled)?.Reason == Reasons.WriteRejected);
        Assert.Equal($"Failed to write: 403 Forbidden: {what} denied by policy",
            stalled.Status.Conditions.Find(DeploymentConditions.Stalled)!.Message);
        await Eventually.True(async () => (await RejectionsAsync(bench, name)).Count > 0);
    }

    private static async Task<IReadOnlyList<Event>> RejectionsAsync(ReleaseBench bench, string name) =>
        [.. (await EventsAsync(bench, name)).Where(recorded => recorded is { Type: "Warning", Reason: Reasons.WriteRejected })];

    private static async Task<IReadOnlyList<Event>> EventsAsync(ReleaseBench bench, string name) =>
        [.. (await bench.ListAsync<Event>())
            .Where(recorded => recorded.InvolvedObject is { Kind: "ModuleDeployment" } about && about.Name == name)];

    private static KubeException Denied(string what) => new(new(403, "Forbidden", $"{what} denied by policy"), "write");
}
