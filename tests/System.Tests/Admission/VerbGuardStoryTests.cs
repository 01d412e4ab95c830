using System.Globalization;
using System.Text.RegularExpressions;
using k8s;
using k8s.Models;
using ModuleController.Core.Modules.Names;
using ModuleController.SystemTests.Harness;

namespace ModuleController.SystemTests.Admission;

/// <summary>With <c>--authorize-verbs</c>: alice has the shipped edit role, bob the same without the verbs.</summary>
[Collection(nameof(InjectionStoryTests))]
public sealed partial class VerbGuardStoryTests : IAsyncLifetime
{
    private World _world = null!;
    private Harness.Kubectl _kubectl = null!;
    private ImpersonatedUser? _alice;
    private ImpersonatedUser? _bob;

    public async ValueTask InitializeAsync()
    {
        Assert.SkipUnless(Harness.Kubectl.IsInstalled, "no kubectl on PATH");
        _world = await WebhookWorld.StartAsync(world =>
        {
            var configure = world.ConfigureController;
            world.ConfigureController = options => configure(options) with { AuthorizesVerbs = true };
        });
        _kubectl = new(_world);
        _alice = await ImpersonatedUser.CreateAsync(_world, "alice");
        _bob = await ImpersonatedUser.CreateAsync(_world, "bob", rule => !rule.Resources.Any(IsVerb));
    }

    public async ValueTask DisposeAsync()
    {
        _alice?.Dispose();
        _bob?.Dispose();
        _kubectl?.Dispose();
        if (_world is not null) await _world.DisposeAsync();
    }

    [Fact]
    public async Task A_verb_and_a_confirmation_need_their_permission_and_an_edit_does_not()
    {
        await using var webhooks = await WebhookWorld.WebhooksAsync(_world, authorizeVerbs: true);
        await WebhookWorld.BaseAsync(_world, 2);
        await _world.InstalledAsync(A.Module("orders", "1.0.0", _world.Jar("orders", "1.0.0")));
        await _world.ScaleAsync("orders", 2);
        await _world.AvailableAsync("orders", 2, "1.0.0");
        await _world.StrategyAsync("orders", new() { ["batchCount"] = 2, ["needConfirm"] = true });
        await _world.UpgradeAsync("orders", "1.1.0", _world.Jar("orders", "1.1.0"));
        await _kubectl.RunAsync("wait", "mddeploy/orders", "--for=jsonpath={.status.releaseStatus.batchProgress}=WaitingForConfirmation");

        Assert.Equal((1, Denied("undo")), await ActAsync("bob", "undo"));
        Assert.Equal((1, Denied("confirm")), await ActAsync("bob", "confirm"));
        Assert.Equal((1, Denied("confirm")), await ActAsync("bob", "promote"));
        Assert.Equal((1, Denied("confirm")), await PatchAsync("bob", """{"spec":{"confirmBatchNum":1}}"""));
        Assert.Equal(1, (await _kubectl.TryAsync("apply", "--as=bob", "-f", await _kubectl.FileAsync(Acting))).ExitCode);
        Assert.Equal(0, (await PatchAsync("bob", """{"spec":{"paused":true}}""")).Code);
        Assert.Equal(0, (await PatchAsync("bob", """{"spec":{"paused":false}}""")).Code);
        var found = (await _world.FindAsync("orders"))!;
        Assert.Equal((0, false), (found.Spec.ConfirmBatchNum, found.Metadata.Annotations.ContainsKey(Annotations.LastAction)));

        // The controller ends the verb, and the confirmation with the release.
        Assert.Equal(0, (await ActAsync("alice", "confirm")).Code);
        await _world.AvailableAsync("orders", 2, "1.1.0");
        await Eventually.True(async () => (await _world.FindAsync("orders"))!.Spec.ConfirmBatchNum == 0);
        Assert.Equal(0, (await ActAsync("alice", "undo")).Code);
        await Eventually.True(async () => !(await _world.FindAsync("orders"))!.Metadata.Annotations.ContainsKey(Annotations.Action));
        // The administrator has no permission of their own, but a group with all.
        await _kubectl.RunAsync("annotate", "mddeploy", "orders", $"{Annotations.Action}=redeploy");
    }

    [Fact]
    public async Task A_freeze_and_its_end_need_a_permission_of_their_own()
    {
        await using var webhooks = await WebhookWorld.WebhooksAsync(_world, authorizeVerbs: true);
        await PermitNamespacesAsync();
        var denied = $"Error from server (Forbidden): admission webhook \"freeze.koupleless.io\" denied the request: User \"bob\" cannot "
            + $"update resource \"namespaces/freeze\" in API group \"\" in the namespace \"{_world.Namespace}\"\n";
        string[] freeze = ["annotate", "namespace", _world.Namespace];

        Assert.Equal((1, denied), await _kubectl.TryAsync([.. freeze, "--as=bob", $"{Annotations.Freeze}=sale"]));
        // A real API server writes annotations with the status, too.
        await _kubectl.TryAsync(
            "patch", "namespace", _world.Namespace, "--as=bob", "--subresource=status", "--type=merge",
            "-p", """{"metadata":{"annotations":{"koupleless.io/freeze":"sale"}}}""");
        Assert.DoesNotContain(
            Annotations.Freeze, await _kubectl.RunAsync("get", "namespace", _world.Namespace, "-o", "yaml"), StringComparison.Ordinal);
        Assert.Equal(0, (await _kubectl.TryAsync([.. freeze, "--as=bob", "note=1"])).ExitCode);
        Assert.Equal(0, (await _kubectl.TryAsync([.. freeze, "--as=alice", $"{Annotations.Freeze}=sale"])).ExitCode);
        Assert.Equal((1, denied), await _kubectl.TryAsync([.. freeze, "--as=bob", $"{Annotations.Freeze}-"]));
        Assert.Equal((1, denied), await _kubectl.TryAsync([.. freeze, "--as=bob", $"{Annotations.FreezeBy}=alice"]));
        Assert.Equal(0, (await _kubectl.TryAsync([.. freeze, "--as=alice", $"{Annotations.Freeze}-"])).ExitCode);
    }

    [Fact]
    public async Task While_no_webhook_answers_nobody_requests_a_verb_and_everything_else_goes_on()
    {
        await using var webhooks = await WebhookWorld.WebhooksAsync(_world, authorizeVerbs: true);
        await WebhookWorld.BaseAsync(_world, 2);
        await _world.InstalledAsync(A.Module("orders", "1.0.0", _world.Jar("orders", "1.0.0")));
        await webhooks.ChangeAsync(client => client.Url = "https://localhost:1/");

        var (code, output) = await ActAsync("alice", "undo");
        Assert.Equal(1, code);
        Assert.Contains("failed calling webhook \"verbs.koupleless.io\"", output, StringComparison.Ordinal);
        await _world.UpgradeAsync("orders", "1.1.0", _world.Jar("orders", "1.1.0"));
        await _world.AvailableAsync("orders", 1, "1.1.0");
        await _kubectl.RunAsync("annotate", "namespace", _world.Namespace, "note=1");
        await _world.DeleteAsync("orders");
        await _world.GoneAsync("orders");
    }

    [Theory]
    [InlineData(null, 1)]
    [InlineData("elsewhere", 2)]
    public async Task The_controllers_account_is_not_reviewed_and_under_another_name_it_may_end_verbs(string? excepted, int reviews)
    {
        await using var webhooks = await WebhookWorld.WebhooksAsync(_world, excepted, authorizeVerbs: true);
        await _world.CreateAsync(A.Module("orders", "1.0.0", _world.Jar("orders", "1.0.0")));
        await _world.RestsAsync("orders", Reasons.BaseNotFound);
        await _kubectl.RunAsync("annotate", "mddeploy", "orders", "note=1");
        await _kubectl.RunAsync("label", "mddeploy", "orders", "team=shop");

        Assert.Equal(0, (await ActAsync("alice", "pause")).Code);
        await Eventually.True(async () => await _world.FindAsync("orders") is { Spec.Paused: true } found
            && !found.Metadata.Annotations.ContainsKey(Annotations.Action));
        Assert.Equal(reviews, await ReviewsAsync());
    }

    private static string Acting => """
        apiVersion: koupleless.io/v1alpha1
        kind: ModuleDeployment
        metadata: { name: other, annotations: { koupleless.io/action: promote } }
        spec:
          baseDeploymentName: base
          template: { spec: { module: { name: other, version: 1.0.0, url: "http://jars.example/other.jar" } } }
        """;

    private static bool IsVerb(string resource) =>
        resource.StartsWith("namespaces/", StringComparison.Ordinal)
        || (resource.StartsWith("moduledeployments/", StringComparison.Ordinal) && !resource.EndsWith("/scale", StringComparison.Ordinal));

    private string Denied(string verb) =>
        $"Error from server (Forbidden): admission webhook \"verbs.koupleless.io\" denied the request: User \"bob\" cannot update "
        + $"resource \"moduledeployments/{verb}\" in API group \"koupleless.io\" in the namespace \"{_world.Namespace}\"\n";

    private Task<(int Code, string Output)> ActAsync(string user, string verb) =>
        _kubectl.TryAsync("annotate", "mddeploy", "orders", $"--as={user}", "--overwrite", $"{Annotations.Action}={verb}");

    private Task<(int Code, string Output)> PatchAsync(string user, string patch) =>
        _kubectl.TryAsync("patch", "mddeploy", "orders", $"--as={user}", "--type=merge", "-p", patch);

    /// <summary>Both users may change the Namespace.</summary>
    private async Task PermitNamespacesAsync()
    {
        using var admin = new Kubernetes(KubernetesClientConfiguration.BuildConfigFromConfigFile(_world.Kubeconfig));
        var cancellation = TestContext.Current.CancellationToken;
        await admin.CreateNamespacedRoleAsync(
            new V1Role
            {
                Metadata = new() { Name = "namespace" },
                Rules = [new() { ApiGroups = [""], Resources = ["namespaces", "namespaces/status"], Verbs = ["get", "patch"] }],
            },
            _world.Namespace, cancellationToken: cancellation);
        await admin.CreateNamespacedRoleBindingAsync(
            new V1RoleBinding
            {
                Metadata = new() { Name = "namespace" },
                RoleRef = new() { ApiGroup = "rbac.authorization.k8s.io", Kind = "Role", Name = "namespace" },
                Subjects =
                [
                    new() { ApiGroup = "rbac.authorization.k8s.io", Kind = "User", Name = "alice" },
                    new() { ApiGroup = "rbac.authorization.k8s.io", Kind = "User", Name = "bob" },
                ],
            },
            _world.Namespace, cancellationToken: cancellation);
        await Eventually.True(async () =>
            (await _kubectl.TryAsync("label", "namespace", _world.Namespace, "--as=bob", "--overwrite", "by=bob")).ExitCode == 0);
    }

    private async Task<int> ReviewsAsync()
    {
        using var http = new HttpClient();
        var text = await http.GetStringAsync(new Uri(_world.Controller!.HttpAddress, "/metrics"), TestContext.Current.CancellationToken);
        return Answers().Matches(text).Sum(match => int.Parse(match.Groups["count"].Value, CultureInfo.InvariantCulture));
    }

    [GeneratedRegex("^modulecontroller_webhook_requests_total{[^}]*webhook=\"verbs\"} (?<count>\\d+)", RegexOptions.Multiline)]
    private static partial Regex Answers();
}
