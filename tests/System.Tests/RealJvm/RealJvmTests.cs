using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json.Nodes;
using ModuleController.Core.Builtin;
using ModuleController.Core.Commands;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.Kube.Client;
using ModuleController.SystemTests.Harness;

namespace ModuleController.SystemTests.RealJvm;

/// <summary>From a ModuleDeployment to a module that answers in a real JVM, and back.</summary>
[Collection(RealBases.Collection)]
public sealed class RealJvmTests(RealBases bases) : IAsyncLifetime
{
    private const string Cause = "cannot reach the ledger database at db.example:5432";

    // The rest of the suite may be busy with the same cores.
    private static readonly TimeSpan Timeout = TimeSpan.FromMinutes(5);

    private World World => bases.World;

    public async ValueTask InitializeAsync()
    {
        Assert.SkipUnless(RealJvm.IsConfigured, RealJvm.HowToTurnOn);
        await bases.EmptyAsync();
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task A_module_that_is_applied_answers_through_its_service_and_one_that_is_deleted_is_gone()
    {
        await ApplyAsync(Module("orders", "1.0.0").WithService(), 2);
        await AnswersAsync("orders", "orders/hello", "orders 1.0.0", "orders 1.0.0");
        Assert.All(bases.Pods, pod => Assert.True(World.HasLabel(pod, "orders")));
        foreach (var pod in bases.Pods) Assert.Equal(["orders:1.0.0 Activated"], await bases.BizAsync(pod));

        await World.DeleteAsync("orders");
        await World.GoneAsync("orders");
        foreach (var pod in bases.Pods)
        {
            Assert.Empty(await bases.BizAsync(pod));
            Assert.Equal("404", await RealBases.AnswerAsync(pod, "orders/hello"));
        }

        Assert.DoesNotContain(bases.Pods, pod => World.HasLabel(pod, "orders"));
        Assert.Null(await World.Client.FindAsync<Service>(new(World.Namespace, "orders-service"), TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Versions_that_share_a_context_path_follow_each_other_once_the_jar_has_been_inspected()
    {
        await ApplyAsync(Module("orders", "1.0.0").WithService(), 2);

        await World.UpgradeAsync("orders", "1.1.0", RealJvm.Jar("orders", "1.1.0"));
        await AvailableAsync("orders", 2, "1.1.0");
        await AnswersAsync("orders", "orders/hello", "orders 1.1.0", "orders 1.1.0");
        Assert.Equal(UpgradePolicy.UninstallThenInstall.Text(), (await World.FindAsync("orders"))!.Status.ReleaseStatus!.UpgradePolicy);
        foreach (var pod in bases.Pods) Assert.Equal(["orders:1.1.0 Activated"], await bases.BizAsync(pod));
    }

    [Fact]
    public async Task Versions_with_a_context_path_each_overlap_and_the_label_stays()
    {
        await ApplyAsync(Module("catalog", "1.0.0").WithService(), 2);
        await AnswersAsync("catalog", "catalog-v1/hello", "catalog 1.0.0", "catalog 1.0.0");
        var cuts = new ConcurrentBag<string>();
        using var watching = World.Pods.Subscribe(change =>
        {
            // This cache may be later than the API, and hear only now of the pods as they were without the label.
            if (HasLabel(change.Before) && !HasLabel(change.After)) cuts.Add(change.After?.Metadata.Name ?? "a pod that is gone");
        });

        await World.UpgradeAsync("catalog", "2.0.0", RealJvm.Jar("catalog", "2.0.0"));
        await AvailableAsync("catalog", 2, "2.0.0");
        await AnswersAsync("catalog", "catalog-v2/hello", "catalog 2.0.0", "catalog 2.0.0");
        Assert.Equal(UpgradePolicy.InstallThenUninstall.Text(), (await World.FindAsync("catalog"))!.Status.ReleaseStatus!.UpgradePolicy);
        Assert.Empty(cuts);
        foreach (var pod in bases.Pods) Assert.Equal(["catalog:2.0.0 Activated"], await bases.BizAsync(pod));

        static bool HasLabel(Pod? pod) => pod?.Metadata.Labels.ContainsKey(Labels.Traffic("catalog")) == true;
    }

    [Fact]
    public async Task A_killed_jvm_loses_its_traffic_and_gets_each_of_its_modules_back_once()
    {
        await ApplyAsync(Module("svc1", "1.0.0").WithService(), 2);
        await ApplyAsync(Module("svc2", "1.0.0"), 2);
        var (struck, other) = (bases.Pods[0], bases.Pods[1]);
        var before = OnPod(struck).ToDictionary(module => module.Metadata.Uid!, module => module.Status.BaseLife);
        Assert.Equal(2, before.Count);
        var untouched = OnPod(other).Select(module => module.Metadata.ResourceVersion).ToList();
        var pods = new ConcurrentQueue<Pod>();
        var modules = new ConcurrentQueue<Module>();
        using var watchingPods = World.Pods.Subscribe(change => Keep(pods, change.After, pod => pod.Metadata.Uid == struck.Metadata.Uid));
        using var watchingModules = World.Modules.Subscribe(change =>
            Keep(modules, change.After, module => before.ContainsKey(module.Metadata.Uid!)));

        await bases.KillAsync(struck);
        var answers = new List<string>();
        await Eventually.True(
            async () =>
            {
                answers.AddRange(await World.AnswersAsync("svc1-service", "svc1/hello"));
                return OnPod(struck).Count == 2
                    && OnPod(struck).All(module => module.IsAvailable && module.Status.BaseLife != before[module.Metadata.Uid!]);
            },
            () => bases.DumpAsync("svc1"), Timeout, "both modules are back in a new life");
        // A killed JVM refuses connections until its pod has left the endpoints; it must not come back there without the module.
        Assert.All(answers, answer => Assert.Equal("svc1 1.0.0", answer));

        // Versions of one API server are in the order of its writes.
        foreach (var name in (string[])["svc1", "svc2"])
        {
            var cut = VersionOf(pods.First(pod => !HasLabel(pod, name)).Metadata);
            var back = VersionOf(pods.First(pod => HasLabel(pod, name) && VersionOf(pod.Metadata) > cut).Metadata);
            var available = VersionOf(modules.First(module =>
                module.Spec.Module.Name == name && module.IsAvailable && module.Status.BaseLife != before[module.Metadata.Uid!]).Metadata);
            Assert.True(
                cut < back && back < available,
                $"{name}: off at {cut}, on at {back}, available at {available}");
        }

        await AnswersAsync("svc1", "svc1/hello", "svc1 1.0.0", "svc1 1.0.0");
        Assert.Equal(["svc1:1.0.0 Activated", "svc2:1.0.0 Activated"], await bases.BizAsync(struck));
        var life = bases.AgentOf(struck)!.Life!.Id;
        Assert.All(OnPod(struck), module => Assert.Equal((life, 1), (module.Status.BaseLife, module.Status.Attempts)));
        Assert.Equal(before.Keys.Order(), OnPod(struck).Select(module => module.Metadata.Uid!).Order());
        Assert.Equal(untouched, OnPod(other).Select(module => module.Metadata.ResourceVersion));
    }

    [Fact]
    public async Task A_release_that_can_not_start_says_why_leaves_the_old_one_serving_and_continues_with_another_url()
    {
        await ApplyAsync(Module("orders", "1.1.0").WithService(), 2);

        await World.UpgradeAsync("orders", "2.0.0", RealJvm.Jar("orders", "2.0.0"));
        var failed = await Eventually.Some(
            () => World.ModulesOf("orders").FirstOrDefault(module => module.Status.Status == ModulePhase.Failed),
            () => bases.DumpAsync("orders").Result, Timeout);
        Assert.Equal(("2.0.0", nameof(FailureReason.BizStartFailed)), (failed.Spec.Module.Version, failed.Status.LastError!.Reason));
        Assert.Contains(Cause, failed.Status.LastError.Message, StringComparison.Ordinal);
        Assert.Contains(Cause, failed.Status.Message, StringComparison.Ordinal);
        await Eventually.True(
            async () => (await World.EventsAsync(failed.Metadata.Name)).Any(recorded =>
                recorded is { Type: "Warning", Reason: nameof(FailureReason.BizStartFailed) }
                    && recorded.Message!.Contains(Cause, StringComparison.Ordinal)),
            () => bases.DumpAsync("orders"));
        await Eventually.True(
            async () => (await World.FindAsync("orders"))!.Status.Conditions.Find(DeploymentConditions.ReplicaFailure) is
            { Status: Condition.True, Reason: nameof(FailureReason.BizStartFailed) } condition
                && condition.Message!.Contains(Cause, StringComparison.Ordinal),
            () => bases.DumpAsync("orders"));
        await AnswersAsync("orders", "orders/hello", "orders 1.1.0");

        await World.PatchSpecAsync("orders", new()
        {
            ["template"] = new JsonObject
            {
                ["spec"] = new JsonObject { ["module"] = new JsonObject { ["url"] = bases.Renumbered("orders", "1.1.0", "2.0.0") } },
            },
        });
        await AvailableAsync("orders", 2, "2.0.0");
        await AnswersAsync("orders", "orders/hello", "orders 2.0.0", "orders 2.0.0");
        Assert.Null((await World.FindAsync("orders"))!.Status.Conditions.Find(DeploymentConditions.ReplicaFailure));
    }

    [Fact]
    public async Task A_single_module_serves_on_until_its_next_version_is_available_on_the_other_pod()
    {
        await ApplyAsync(Module("orders", "1.1.0").WithService(), 1);
        var home = World.ModulesOf("orders").Single().Spec.PodName;
        await AnswersAsync("orders", "orders/hello", "orders 1.1.0");

        await World.UpgradeAsync("orders", "2.0.0", RealJvm.Jar("orders", "2.0.0"));
        var answers = new List<string>();
        await Eventually.True(
            async () =>
            {
                var now = await World.AnswersAsync("orders-service", "orders/hello");
                answers.Add(string.Join(", ", now));
                return World.ModulesOf("orders").Any(module => module.Status.Status == ModulePhase.Failed && module.Spec.PodName != home);
            },
            () => bases.DumpAsync("orders"), Timeout);
        Assert.All(answers, answer => Assert.Equal("orders 1.1.0", answer));

        await World.UpgradeAsync("orders", "2.0.0", bases.Renumbered("orders", "1.0.0", "2.0.0"));
        await AvailableAsync("orders", 1, "2.0.0");
        await AnswersAsync("orders", "orders/hello", "orders 2.0.0");
        Assert.NotEqual(home, World.ModulesOf("orders").Single().Spec.PodName);
    }

    [Fact]
    public async Task Deleting_a_module_that_hangs_in_its_start_ends()
    {
        await World.CreateAsync(Module("hangs", "1.0.0").Replicas(1).Strategy(strategy => strategy with { InstallTimeoutSeconds = 3 }));
        var struck = await Eventually.Some(
            async () =>
            {
                foreach (var pod in bases.Pods)
                {
                    if (await bases.BizAsync(pod) is ["hangs:1.0.0 Resolved"]) return pod;
                }

                return null;
            },
            () => bases.DumpAsync("hangs"), Timeout);

        try
        {
            await World.DeleteAsync("hangs");
            await World.GoneAsync("hangs");
            Assert.Equal(["hangs:1.0.0 Resolved"], await bases.BizAsync(struck));
        }
        finally
        {
            await bases.KillAsync(struck);      // nothing else helps such a JVM
        }

        await Eventually.True(
            async () => (await bases.BizAsync(struck)).Count == 0 && bases.AgentOf(struck) is { IsCurrent: true },
            () => bases.DumpAsync("hangs"), Timeout);
    }

    private static ModuleDeployment Module(string name, string version) => A.Module(name, version, RealJvm.Jar(name, version));

    private async Task ApplyAsync(ModuleDeployment deployment, int replicas)
    {
        await World.CreateAsync(deployment.Replicas(replicas));
        await AvailableAsync(deployment.Metadata.Name, replicas, deployment.Spec.Template.Spec.Module.Version);
    }

    private Task AvailableAsync(string name, int count, string version) => World.AvailableAsync(name, count, version, Timeout);

    /// <summary>Endpoints follow labels with a delay of their own, so the answers are waited for.</summary>
    private Task AnswersAsync(string module, string path, params string[] expected) => Eventually.True(
        async () => (await World.AnswersAsync($"{module}-service", path)).SequenceEqual(expected),
        async () => $"answers: {string.Join(", ", await World.AnswersAsync($"{module}-service", path))}\n{await bases.DumpAsync(module)}",
        what: $"{path}: {string.Join(", ", expected)}");

    private List<Module> OnPod(Pod pod) =>
        [.. World.Modules.List().Where(module => module.Spec.PodUid == pod.Metadata.Uid)
            .OrderBy(module => module.Metadata.Name, StringComparer.Ordinal)];

    private static bool HasLabel(Pod pod, string module) => pod.Metadata.Labels.GetValueOrDefault(Labels.Traffic(module)) == "true";

    private static long VersionOf(ObjectMeta metadata) => long.Parse(metadata.ResourceVersion!, CultureInfo.InvariantCulture);

    private static void Keep<T>(ConcurrentQueue<T> seen, T? now, Func<T, bool> isMeant)
        where T : class
    {
        if (now is not null && isMeant(now)) seen.Enqueue(now);
    }
}
