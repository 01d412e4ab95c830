using System.Text.Json.Nodes;
using ModuleController.ControlPlane.Certificates;
using ModuleController.Core.Builtin;
using ModuleController.Core.Builtin.Configuration;
using ModuleController.Core.Injection;
using ModuleController.Dev.Kubelet.Resources;
using ModuleController.Kube.Client;
using ModuleController.SystemTests.Harness;

namespace ModuleController.SystemTests.Admission;

/// <summary>Webhooks of a running controller, called by the API server.</summary>
[Collection(nameof(InjectionStoryTests))]
public sealed class InjectionStoryTests
{
    [Fact]
    public async Task One_label_and_one_ModuleDeployment_are_all_that_is_typed_and_modules_go_on_without_webhooks()
    {
        await using var world = await WebhookWorld.StartAsync();
        await using var webhooks = await WebhookWorld.WebhooksAsync(world);
        await world.CreateAsync(A.Module("orders", "1.0.0", world.Jar("orders", "1.0.0")).Replicas(2));
        await Eventually.True(async () =>
            await world.Client.FindAsync<ConfigMap>(new(world.Namespace, AuthorityReconciler.ConfigMapName)) is not null);
        await WebhookWorld.BaseAsync(world, 2);

        await world.AvailableAsync("orders", 2, "1.0.0");
        Assert.All(world.PodsOf("base"), pod => Assert.Equal("injected", pod.Metadata.Annotations[InjectionKeys.Status]));

        // A release, a replay and a deletion call no webhook.
        await webhooks.ChangeAsync(client => client.Url = "https://localhost:1/");
        await world.UpgradeAsync("orders", "1.1.0", world.Jar("orders", "1.1.0"));
        await world.AvailableAsync("orders", 2, "1.1.0");
        await world.Images.Of(world.PodsOf("base")[0].Metadata.Uid!).RestartAsync();
        await Eventually.True(() => world.ModulesOf("orders").Any(module => !module.IsAvailable), what: "the restart was noticed");
        await world.AvailableAsync("orders", 2, "1.1.0");
        await world.DeleteAsync("orders");
        await Eventually.True(async () => await world.FindAsync("orders") is null);
    }

    [Fact]
    public async Task While_no_webhook_answers_only_pods_that_request_the_agent_are_not_created()
    {
        await using var world = await WebhookWorld.StartAsync();
        await using var webhooks = await WebhookWorld.WebhooksAsync(world);
        await webhooks.ChangeAsync(client => client.Url = "https://localhost:1/");

        var refused = await Assert.ThrowsAsync<KubeException>(() => PodAsync(world, "requests", ("koupleless.io/inject", "true")));
        await PodAsync(world, "plain");
        await PodAsync(world, "not", ("koupleless.io/inject", "false"));

        Assert.Contains("failed calling webhook \"inject.koupleless.io\"", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_leader_restores_the_authorities_of_webhooks_and_replaces_them_with_the_Secret()
    {
        await using var world = await WebhookWorld.StartAsync();
        await using var webhooks = await WebhookWorld.WebhooksAsync(world);
        var first = (await webhooks.BundlesAsync())[0];

        await webhooks.ChangeAsync(client => client.CaBundle = null);
        await Eventually.True(async () => (await webhooks.BundlesAsync()).All(bundle => bundle == first));

        await world.Client.DeleteAsync<Secret>(new(world.Controller!.LeaseNamespace, CertificateSource.OwnSecret));
        await Eventually.True(async () => (await webhooks.BundlesAsync()).All(bundle => bundle is not null && bundle != first));
        await Eventually.True(async () =>
        {
            try
            {
                await PodAsync(world, "bare", ("koupleless.io/inject", "true"));
                return true;
            }
            catch (KubeException)
            {
                return false;   // the replica has not read the new certificate yet
            }
        });
    }

    [Fact]
    public async Task What_could_not_be_injected_is_an_Event_on_its_owner_once_for_all_pods()
    {
        await using var world = await WebhookWorld.StartAsync();
        await using var webhooks = await WebhookWorld.WebhooksAsync(world);

        await world.ReapplyBaseAsync("base", 3, WebhookWorld.Requested, template =>
        {
            WebhookWorld.Strip(template);
            template["metadata"]!["annotations"] = new JsonObject { ["koupleless.io/base-container"] = "nobody" };
        });
        await PodAsync(world, "bare", ("koupleless.io/inject", "true"));

        await Eventually.True(async () => await WarningAsync(world, "Deployment", "base", "AgentNotInjected") is { Count: 1 });
        await Eventually.True(async () => await WarningAsync(world, "Pod", "bare", "AgentNotInjected") is not null);
    }

    private static Task PodAsync(World world, string name, params (string Key, string Value)[] labels) => world.Client.CreateAsync(
        new RunnerPod
        {
            Metadata = new()
            {
                Name = name,
                Namespace = world.Namespace,
                Labels = labels.ToDictionary(label => label.Key, label => label.Value),
            },
            Spec = new()
            {
                // A cluster that several tests share has a node for each.
                NodeSelector = world.Cluster is null
                    ? new Dictionary<string, string> { ["modulecontroller-test"] = world.Namespace } : null,
                Containers = [new() { Name = "base", Image = SimulatedImages.Base }],
            },
        }, "test");

    private static async Task<Event?> WarningAsync(World world, string kind, string name, string reason) =>
        (await world.Client.ListAsync<Event>(new() { Namespace = world.Namespace })).Items.FirstOrDefault(item =>
            item.InvolvedObject?.Kind == kind && item.InvolvedObject.Name == name && item.Reason == reason && item.Type == "Warning");
}
