using System.Text.Json;
using System.Text.Json.Nodes;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.SystemTests.Harness;

namespace ModuleController.SystemTests.Admission;

/// <summary>Who changed a ModuleDeployment, as the API server knows them and the controller records it.</summary>
[Collection(nameof(InjectionStoryTests))]
public sealed class AuthorStoryTests
{
    [Fact]
    public async Task The_author_of_a_release_and_of_a_verb_is_the_user_of_the_request_whatever_it_claims()
    {
        await using var world = await WebhookWorld.StartAsync();
        await using var webhooks = await WebhookWorld.WebhooksAsync(world);
        using var alice = await ImpersonatedUser.CreateAsync(world, "alice");
        using var bob = await ImpersonatedUser.CreateAsync(world, "bob");
        await WebhookWorld.BaseAsync(world, 2);

        const string Forged = """{"user":"root","time":"2026-01-01T00:00:00Z","request":"1"}""";
        await alice.CreateAsync(Orders(world, "1.0.0", (Annotations.LastChange, Forged)));
        await world.AvailableAsync("orders", 1, "1.0.0");
        var record = await HistoryAsync(world, "1.0.0");
        Assert.Equal(("alice", "Completed"), ((string)record["author"]!, (string)record["result"]!));

        await alice.PatchAsync("orders", Upgrade(world, "1.1.0"));
        await world.AvailableAsync("orders", 1, "1.1.0");
        await bob.AnnotateAsync(
            "orders", (Annotations.Action, "undo"), (Annotations.ActionBy, "alice"), (Annotations.ActionReason, "slow"));
        await Eventually.True(async () => (string?)(await HistoryAsync(world, "1.0.0"))["author"] == "bob");
        await world.AvailableAsync("orders", 1, "1.0.0");

        record = await HistoryAsync(world, "1.0.0");
        Assert.Equal(("slow", "Completed"), ((string)record["reason"]!, (string)record["result"]!));
        Assert.Equal("alice", (string?)(await HistoryAsync(world, "1.1.0"))["author"]);
        var actions = JsonNode.Parse((await world.FindAsync("orders"))!.Metadata.Annotations[Annotations.ActionHistory])!;
        Assert.Equal(("undo", "bob", "alice"),
            ((string)actions[0]!["action"]!, (string)actions[0]!["user"]!, (string)actions[0]!["by"]!));
    }

    [Fact]
    public async Task What_changes_nothing_else_is_no_change_and_a_dry_run_is_written_nowhere()
    {
        await using var world = await WebhookWorld.StartAsync();
        await using var webhooks = await WebhookWorld.WebhooksAsync(world);
        using var alice = await ImpersonatedUser.CreateAsync(world, "alice");
        using var bob = await ImpersonatedUser.CreateAsync(world, "bob");
        await alice.CreateAsync(Orders(world, "1.0.0"));
        await world.RestsAsync("orders", Reasons.BaseNotFound);

        // An object as it was exported before somebody else's change, a replacement, and forged annotations.
        await UnchangedAsync(world, () => bob.PatchAsync("orders", Orders(world, "1.0.0")));
        await UnchangedAsync(world, () => bob.ReplaceAsync(
            "orders", whole => whole["metadata"]!["annotations"]!.AsObject().Remove(Annotations.LastChange)));
        await UnchangedAsync(world, () => bob.AnnotateAsync(
            "orders", (Annotations.LastChange, "{}"), (Annotations.ActionHistory, "[]"), (Annotations.LastAction, "{}")));
        Assert.Equal("alice", UserOf((await world.FindAsync("orders"))!));

        var dry = await bob.PatchAsync("orders", Upgrade(world, "1.1.0"), "?dryRun=All");
        Assert.Contains("\"user\":\"bob\"", (string)dry["metadata"]!["annotations"]![Annotations.LastChange]!, StringComparison.Ordinal);
        Assert.Equal("alice", UserOf((await world.FindAsync("orders"))!));

        await bob.PatchAsync("orders", new() { ["spec"] = new JsonObject { ["paused"] = true } });
        Assert.Equal("bob", UserOf((await world.FindAsync("orders"))!));
    }

    [Fact]
    public async Task Server_side_apply_again_and_again_changes_nothing()
    {
        await using var world = await WebhookWorld.StartAsync();
        Assert.SkipWhen(world.Cluster is not null, "Only a real API server has server-side apply: set MODULECONTROLLER_TEST_KUBECONFIG.");
        await using var webhooks = await WebhookWorld.WebhooksAsync(world);
        using var alice = await ImpersonatedUser.CreateAsync(world, "alice");
        using var bob = await ImpersonatedUser.CreateAsync(world, "bob");

        await alice.ApplyAsync(Orders(world, "1.0.0"));
        await world.RestsAsync("orders", Reasons.BaseNotFound);
        await UnchangedAsync(world, () => bob.ApplyAsync(Orders(world, "1.0.0")));
        Assert.Equal("alice", UserOf((await world.FindAsync("orders"))!));

        await bob.ApplyAsync(Orders(world, "1.1.0"));
        var applied = await UnchangedAsync(world, () => alice.ApplyAsync(Orders(world, "1.1.0")));
        Assert.Equal("bob", UserOf((await world.FindAsync("orders"))!));
        // The annotation belongs to no manager: no tool has a conflict about it or removes it.
        Assert.DoesNotContain($"f:{Annotations.LastChange}", applied["metadata"]!["managedFields"]?.ToJsonString() ?? "",
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task While_no_webhook_answers_changes_go_on_and_have_no_author()
    {
        await using var world = await WebhookWorld.StartAsync();
        await using var webhooks = await WebhookWorld.WebhooksAsync(world);
        using var alice = await ImpersonatedUser.CreateAsync(world, "alice");
        await WebhookWorld.BaseAsync(world, 2);
        await alice.CreateAsync(Orders(world, "1.0.0"));
        await world.AvailableAsync("orders", 1, "1.0.0");
        await webhooks.ChangeAsync(client => client.Url = "https://localhost:1/");

        await alice.PatchAsync("orders", Upgrade(world, "1.1.0"));
        await world.AvailableAsync("orders", 1, "1.1.0");

        Assert.Null((await HistoryAsync(world, "1.1.0"))["author"]);
        Assert.Equal("alice", (string?)(await HistoryAsync(world, "1.0.0"))["author"]);
    }

    private static JsonObject Orders(World world, string version, params (string Name, string Value)[] annotations)
    {
        var orders = (JsonObject)JsonSerializer.SerializeToNode(
            A.Module("orders", version, world.Jar("orders", version)), ModulesJson.Default.ModuleDeployment)!;
        (orders["apiVersion"], orders["kind"]) = ("koupleless.io/v1alpha1", "ModuleDeployment");
        orders.Remove("status");
        orders["metadata"] = new JsonObject
        {
            ["name"] = "orders",
            ["annotations"] = new JsonObject(annotations.Append(("note", "a user's"))
                .Select(one => KeyValuePair.Create(one.Item1, (JsonNode?)one.Item2))),
        };
        return orders;
    }

    private static JsonObject Upgrade(World world, string version) => new()
    {
        ["spec"] = new JsonObject { ["template"] = Orders(world, version)["spec"]!["template"]!.DeepClone() },
    };

    private static string UserOf(ModuleDeployment deployment) =>
        (string)JsonNode.Parse(deployment.Metadata.Annotations[Annotations.LastChange])!["user"]!;

    /// <summary>The answer to a write that does not change the stored object, at a moment when the controller does not either.</summary>
    private static async Task<JsonNode> UnchangedAsync(World world, Func<Task<JsonNode>> write)
    {
        JsonNode? answer = null;
        await Eventually.True(async () =>
        {
            var before = (await world.FindAsync("orders"))!;
            answer = await write();
            return (string?)answer["metadata"]!["resourceVersion"] == before.Metadata.ResourceVersion;
        });
        return answer!;
    }

    private static async Task<JsonNode> HistoryAsync(World world, string version) => JsonNode.Parse((await world.SetsOfAsync("orders"))
        .Single(set => set.Spec.Template.Spec.Module.Version == version).Metadata.Annotations[Annotations.History])!;
}
