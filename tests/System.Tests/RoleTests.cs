using k8s;
using k8s.Models;
using ModuleController.SystemTests;
using ModuleController.SystemTests.Harness;
using Xunit.Sdk;
using Xunit.v3;

[assembly: TestCollectionOrderer(typeof(LastOfAll.Orderer))]

namespace ModuleController.SystemTests;

/// <summary>Runs after all other tests: alone, and ordered behind them.</summary>
[CollectionDefinition(nameof(LastOfAll), DisableParallelization = true)]
public sealed class LastOfAll
{
    public sealed class Orderer : ITestCollectionOrderer
    {
        public IReadOnlyCollection<TTestCollection> OrderTestCollections<TTestCollection>(
            IReadOnlyCollection<TTestCollection> testCollections)
            where TTestCollection : notnull, ITestCollection =>
            [.. testCollections.OrderBy(collection => collection.TestCollectionDisplayName == nameof(LastOfAll))];
    }
}

/// <summary>The controller's role grants what the controller needs, and nothing else.</summary>
[Collection(nameof(LastOfAll))]
public sealed class RoleTests
{
    /// <summary>What the role grants although no test uses it, each with the reason.</summary>
    private static readonly Dictionary<string, string> Unused =
        new[] { "pause", "resume", "confirm", "abort", "retry", "undo", "undo-fast", "redeploy" }.ToDictionary(
            verb => ControllerUsage.Name("update", "koupleless.io", $"moduledeployments/{verb}"),
            _ => "Asked for, not used: the controller ends verbs, also where the webhook's exception has another name.");

    /// <summary>What the last whole run used: a run of failed tests alone adds to it, and must not pass for want of the others.</summary>
    private static string Usage => Path.Combine(AppContext.BaseDirectory, "controller-usage.txt");

    [Fact]
    public async Task Each_verb_that_the_role_grants_is_used_by_a_test()
    {
        Assert.SkipWhen(Environment.GetEnvironmentVariable("MODULECONTROLLER_TEST_KUBECONFIG") is { Length: > 0 },
            "Only an embedded API server counts accesses: unset MODULECONTROLLER_TEST_KUBECONFIG.");
        var cancellation = TestContext.Current.CancellationToken;
        var missing = ControllerUsage.NotRun;
        if (missing.Count == 0) await File.WriteAllLinesAsync(Usage, ControllerUsage.All.Order(StringComparer.Ordinal), cancellation);
        else if (IsOfThisBuild()) ControllerUsage.Add(await File.ReadAllLinesAsync(Usage, cancellation));
        else Assert.Skip(
            $"Needs a run of all system tests; {missing.Count} classes did not run. Not used by the others: "
                + $"{string.Join(", ", Granted().Except(ControllerUsage.All))}");

        var granted = Granted();
        Assert.Equal(Unused.Keys.Order(StringComparer.Ordinal), granted.Except(ControllerUsage.All).Order(StringComparer.Ordinal));
        Assert.Subset(granted, ControllerUsage.All.ToHashSet());
    }

    private static bool IsOfThisBuild() => File.Exists(Usage)
        && File.GetLastWriteTimeUtc(Usage) >= File.GetLastWriteTimeUtc(typeof(RoleTests).Assembly.Location);

    private static HashSet<string> Granted() =>
    [
        .. new[]
            {
                "controller/cluster-role.yaml", "controller/lease-role.yaml", "metrics/role.yaml", "control/role.yaml",
                "authorize-verbs/role.yaml",
            }
            .SelectMany(file => KubernetesYaml.LoadAllFromString(File.ReadAllText(Path.Combine(Manifests.Root, "deploy", file))))
            .SelectMany(item => item switch
            {
                V1ClusterRole role => role.Rules,
                V1Role role => role.Rules,
                _ => [],
            })
            .SelectMany(rule => from verb in rule.Verbs
                                from @group in rule.ApiGroups ?? [""]
                                from resource in rule.Resources ?? rule.NonResourceURLs
                                select ControllerUsage.Name(verb, @group, resource)),
    ];
}
