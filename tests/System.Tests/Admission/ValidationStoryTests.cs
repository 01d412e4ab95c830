using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.Kube.Client;
using ModuleController.SystemTests.Harness;

namespace ModuleController.SystemTests.Admission;

/// <summary>What users write into our kinds, with a running controller whose webhooks the API server calls.</summary>
[Collection(nameof(InjectionStoryTests))]
public sealed partial class ValidationStoryTests
{
    private const string Url = "spec.template.spec.module.url: Invalid value: must be an http, https or file URL of at most 8192 bytes "
        + "without spaces, such as https://repo.example.com/orders-1.0.0.jar";

    private const string Source = "spec.template.spec.module";
    private const string Strategy = "spec.operationStrategy";

    private const string Port =
        "spec.operationStrategy.serviceStrategy.port: Required value: must be set where the Service is enabled, from 1 to 65535";

    [Fact]
    public async Task A_create_is_denied_with_all_that_the_schema_lets_through_and_the_controllers_own_writes_are_not_reviewed()
    {
        await using var world = await WebhookWorld.StartAsync();
        await using var webhooks = await WebhookWorld.WebhooksAsync(world);

        var denied = await Assert.ThrowsAsync<KubeException>(() => world.CreateAsync(Invalid()));
        Assert.Equal((422, "Invalid"), (denied.Error.Code, denied.Error.Reason));
        Assert.Contains(
            "admission webhook \"validate.koupleless.io\" denied the request: ModuleDeployment.koupleless.io \"orders\" is invalid: "
            + $"[{Url}, {Port}]", denied.Message, StringComparison.Ordinal);
        Assert.Null(await world.FindAsync("orders"));

        await WebhookWorld.BaseAsync(world, 1);
        await world.InstalledAsync(A.Module("orders", "1.0.0", world.Jar("orders", "1.0.0")));
        Assert.Equal((1, 1), (await ReviewsAsync(world, "Denied"), await ReviewsAsync(world, "Allowed")));
    }

    [Fact]
    public async Task What_was_stored_before_can_be_paused_scaled_and_deleted_and_only_changes_are_checked()
    {
        await using var world = await WebhookWorld.StartAsync();
        await world.CreateAsync(Invalid());
        await world.RestsAsync("orders", Reasons.InvalidSpec);
        await using var webhooks = await WebhookWorld.WebhooksAsync(world);
        await WebhookWorld.BaseAsync(world, 2);

        await world.PatchSpecAsync("orders", new() { ["paused"] = true });
        await world.PatchSpecAsync("orders", new() { ["replicas"] = 2 });
        await world.ScaleAsync("orders", 2);
        var denied = await Assert.ThrowsAsync<KubeException>(() => world.UpgradeAsync("orders", "1.0.1", "http://[[/"));
        Assert.Contains($"is invalid: {Url}", denied.Message, StringComparison.Ordinal);

        // One field after the other.
        await world.UpgradeAsync("orders", "1.0.0", world.Jar("orders", "1.0.0"));
        await world.RestsAsync("orders", Reasons.InvalidSpec);
        await world.StrategyAsync("orders", new() { ["serviceStrategy"] = new JsonObject { ["enableModuleService"] = false } });
        await world.PatchSpecAsync("orders", new() { ["paused"] = false });
        await world.AvailableAsync("orders", 2, "1.0.0");
        await world.DeleteAsync("orders");
        await world.GoneAsync("orders");
    }

    [Fact]
    public async Task What_was_stored_before_can_be_deleted_uncorrected()
    {
        await using var world = await WebhookWorld.StartAsync();
        await world.CreateAsync(Invalid());
        await world.RestsAsync("orders", Reasons.InvalidSpec);
        await using var webhooks = await WebhookWorld.WebhooksAsync(world);

        await world.DeleteAsync("orders");
        await world.GoneAsync("orders");
    }

    [Fact]
    public async Task While_no_webhook_answers_the_schema_and_the_controller_enforce_the_same_rules()
    {
        await using var world = await WebhookWorld.StartAsync();
        await using var webhooks = await WebhookWorld.WebhooksAsync(world);
        await webhooks.ChangeAsync(client => client.Url = "https://localhost:1/");

        await world.CreateAsync(Invalid());

        await world.RestsAsync("orders", Reasons.InvalidSpec, "must be set where the Service is enabled");
        var denied = await Assert.ThrowsAsync<KubeException>(() => world.UpgradeAsync("orders", "1.0.1", "ftp://x/y.jar"));
        Assert.Contains("must be an http, https or file URL", denied.Message, StringComparison.Ordinal);
        Assert.Empty(await world.SetsOfAsync("orders"));
    }

    [Fact]
    public async Task Kubectl_prints_each_violation_on_a_line_of_its_own()
    {
        Assert.SkipUnless(Harness.Kubectl.IsInstalled, "no kubectl on PATH");
        await using var world = await WebhookWorld.StartAsync();
        await using var webhooks = await WebhookWorld.WebhooksAsync(world);
        using var kubectl = new Harness.Kubectl(world);

        var (exitCode, output) = await kubectl.TryAsync("apply", "-f", await kubectl.FileAsync("""
            apiVersion: koupleless.io/v1alpha1
            kind: ModuleDeployment
            metadata: { name: orders }
            spec:
              baseDeploymentName: base
              replicas: 1
              template: { spec: { module: { name: orders, version: 1.0.0, url: "http://[" } } }
              operationStrategy: { serviceStrategy: { enableModuleService: true } }
            """));

        Assert.Equal(1, exitCode);
        Assert.Equal($"The ModuleDeployment \"orders\" is invalid: \n* {Url}\n* {Port}\n", output);
    }

    [Fact]
    public async Task Kubectl_prints_warnings_of_what_is_written_and_not_of_what_was()
    {
        Assert.SkipUnless(Harness.Kubectl.IsInstalled, "no kubectl on PATH");
        await using var world = await WebhookWorld.StartAsync();
        await using var webhooks = await WebhookWorld.WebhooksAsync(world);
        using var kubectl = new Harness.Kubectl(world);

        Assert.Equal(
            [
                "spec.replicas: is not set, so no module is installed until it is, or the ModuleDeployment is scaled",
                $"{Source}.sha256: is not set, so another jar at this url is installed unnoticed",
                $"{Strategy}.serviceStrategy.type: is not set, so the Service opens a port on every node (NodePort). "
                    + "Set ClusterIP if it is only called from pods",
                $"spec.baseDeploymentName: there is no Deployment base in namespace {world.Namespace}, "
                    + "so no module is installed until it exists",
            ],
            await WarningsAsync(kubectl, "apply", "-f", await kubectl.FileAsync(Manifest("orders"))));

        await WebhookWorld.BaseAsync(world, 1);
        Assert.Empty(await WarningsAsync(kubectl, "scale", "mddeploy/orders", "--replicas=1"));
        Assert.Empty(await WarningsAsync(kubectl, "patch", "mddeploy/orders", "--type=merge", "-p", """{"spec":{"paused":true}}"""));
        Assert.Empty(await WarningsAsync(kubectl, "apply", "-f", await kubectl.FileAsync(Manifest("orders"))));
        Assert.Equal(
            $"{Source}.name: orders on base base belongs to the older ModuleDeployment orders, so no module is installed while that exists",
            (await WarningsAsync(kubectl, "apply", "-f", await kubectl.FileAsync(Manifest("again"))))[^1]);
    }

    private static string Manifest(string name) => $$"""
        apiVersion: koupleless.io/v1alpha1
        kind: ModuleDeployment
        metadata: { name: {{name}} }
        spec:
          baseDeploymentName: base
          template: { spec: { module: { name: orders, version: 1.0.0, url: "http://jars.example/orders.jar" } } }
          operationStrategy: { serviceStrategy: { enableModuleService: true, port: 80 } }
        """;

    private static async Task<IReadOnlyList<string>> WarningsAsync(Harness.Kubectl kubectl, params string[] arguments)
    {
        const string Prefix = "Warning: ";
        var lines = (await kubectl.RunAsync(arguments)).Split('\n');
        return [.. lines.Where(line => line.StartsWith(Prefix, StringComparison.Ordinal)).Select(line => line[Prefix.Length..])];
    }

    private static ModuleDeployment Invalid() => A.Module("orders", "1.0.0", "http://[")
        .Strategy(strategy => strategy with { ServiceStrategy = new() { EnableModuleService = true } });

    /// <summary>How many requests the webhook of our kinds has answered.</summary>
    private static async Task<int> ReviewsAsync(World world, string result)
    {
        using var http = new HttpClient();
        var text = await http.GetStringAsync(
            new Uri(world.Controller!.HttpAddress, "/metrics"), TestContext.Current.CancellationToken);
        return Answers().Matches(text).Where(match => match.Groups["result"].Value == result)
            .Sum(match => int.Parse(match.Groups["count"].Value, System.Globalization.CultureInfo.InvariantCulture));
    }

    [GeneratedRegex("^modulecontroller_webhook_requests_total{[^}]*result=\"(?<result>\\w+)\",webhook=\"objects\"} (?<count>\\d+)",
        RegexOptions.Multiline)]
    private static partial Regex Answers();
}
