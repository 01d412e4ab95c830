using System.Net;
using System.Text.Json.Nodes;
using k8s;
using k8s.Autorest;
using k8s.Models;
using ModuleController.ControlPlane.Admission;
using ModuleController.Dev.Load.Clusters;
using ModuleController.SystemTests.Harness;

namespace ModuleController.SystemTests.Admission;

/// <summary>The deletion of our CustomResourceDefinitions, which the API server asks the controller about.</summary>
[Collection(nameof(InjectionStoryTests))]
public sealed class DefinitionStoryTests
{
    private const string Name = "moduletemplates.koupleless.io";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_definition_of_ours_is_deleted_only_when_there_is_no_ModuleDeployment()
    {
        await using var world = await WebhookWorld.StartAsync();
        await using var webhooks = await WebhookWorld.WebhooksAsync(world);
        using var client = new Kubernetes(KubernetesClientConfiguration.BuildConfigFromConfigFile(world.Kubeconfig));
        await world.CreateAsync(A.Module("orders", "1.0.0", world.Jar("orders", "1.0.0")).Replicas(1));

        foreach (var isDryRun in (bool[])[true, false])
        {
            var refused = await Assert.ThrowsAsync<HttpOperationException>(() => DeleteAsync(client, isDryRun));
            Assert.Equal(HttpStatusCode.Forbidden, refused.Response.StatusCode);
            Assert.Contains($"\"definitions.koupleless.io\\\" denied the request: {Name} is not deleted: 1 ModuleDeployment exists "
                + $"({world.Namespace}: 1). Delete them first", refused.Response.Content, StringComparison.Ordinal);
        }

        // The moment the last one is gone, it is allowed: nobody has to wait for a cache.
        await world.DeleteAsync("orders");
        await Eventually.True(async () => await world.FindAsync("orders") is null);
        await DeleteAsync(client, isDryRun: false);
        await Eventually.True(async () => !await ExistsAsync(client));
        await Crds.ApplyAsync(world.Client, Cancellation);
    }

    [Fact]
    public async Task While_no_controller_answers_everything_can_be_deleted()
    {
        await using var world = await WebhookWorld.StartAsync();
        await using var webhooks = await WebhookWorld.WebhooksAsync(world);
        using var client = new Kubernetes(KubernetesClientConfiguration.BuildConfigFromConfigFile(world.Kubeconfig));
        await world.CreateAsync(A.Module("orders", "1.0.0", world.Jar("orders", "1.0.0")).Replicas(1));
        await Assert.ThrowsAsync<HttpOperationException>(() => DeleteAsync(client, isDryRun: true));

        await world.StopControllerAsync();
        await DeleteAsync(client, isDryRun: true);
    }

    [Theory]
    [InlineData("other.example", null)]
    [InlineData("koupleless.io", "2026-01-01T00:00:00Z")]
    public async Task Definitions_of_others_and_deletions_that_have_begun_are_allowed_without_a_question(string group, string? deletedAt)
    {
        await using var bench = await WebhookBench.StartAsync(new DefinitionGuard(null!));

        var response = await bench.DecidedAsync("definitions", Review(group, deletedAt));

        Assert.True((bool)response["allowed"]!);
    }

    [Fact]
    public async Task A_review_of_something_else_is_malformed()
    {
        await using var bench = await WebhookBench.StartAsync(new DefinitionGuard(null!));
        var review = Review("koupleless.io", null);
        review["request"]!["operation"] = "UPDATE";

        Assert.Equal((HttpStatusCode.BadRequest, "Update of CustomResourceDefinition is not the deletion of a CustomResourceDefinition\n"),
            await bench.PostAsync("definitions", review.ToJsonString()));
    }

    private static JsonObject Review(string group, string? deletedAt)
    {
        var review = WebhookBench.Review([], "DELETE");
        var request = review["request"]!;
        (request["object"], request["name"], request["namespace"]) = (null, "things", null);
        request["kind"] = new JsonObject
        {
            ["group"] = "apiextensions.k8s.io",
            ["version"] = "v1",
            ["kind"] = "CustomResourceDefinition",
        };
        request["oldObject"] = new JsonObject
        {
            ["metadata"] = new JsonObject { ["name"] = $"things.{group}", ["deletionTimestamp"] = deletedAt },
            ["spec"] = new JsonObject { ["group"] = group },
        };
        return review;
    }

    private static Task DeleteAsync(Kubernetes client, bool isDryRun) => client.DeleteCustomResourceDefinitionAsync(
        Name, new V1DeleteOptions { DryRun = isDryRun ? ["All"] : null }, cancellationToken: Cancellation);

    private static async Task<bool> ExistsAsync(Kubernetes client) =>
        (await client.ListCustomResourceDefinitionAsync(cancellationToken: Cancellation)).Items.Any(item => item.Metadata.Name == Name);
}
