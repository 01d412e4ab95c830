using CsCheck;
using ModuleController.Core.Commands;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.Core.Placement;
using ModuleController.Core.Tests.World;
using static ModuleController.Core.Tests.Placement.Handovers;
using static ModuleController.Core.Tests.Placement.States;

namespace ModuleController.Core.Tests.Placement;

/// <summary>scaleup_then_scaledown: new Modules on other pods first, and the base scaled for that where it says so.</summary>
public class HandoverTests
{
    [Fact]
    public void New_ones_take_the_free_pods_and_nothing_old_goes_yet()
    {
        var (deployment, old, @new) = Release(4);
        var state = State(Pods(6), Group(deployment, (old, ModulesOf(old, 4)), (@new, [])));
        Assert.Equal(
            [$"create {Name(@new, 0)} on base-4 for {Name(old, 3)}", $"create {Name(@new, 1)} on base-5 for {Name(old, 2)}",
                $"create {Name(@new, 2)} on - for -", $"create {Name(@new, 3)} on - for -"],
            Steps(state));
    }

    [Fact]
    public void An_old_one_goes_for_each_new_one_that_is_available()
    {
        var (deployment, old, @new) = Release(4);
        Module[] fresh = [A.Module(@new, 0, "base-4", replaces: Uid(old, 3)),
            A.Module(@new, 1, "base-5", isAvailable: false, replaces: Uid(old, 0)), A.Module(@new, 2, null, isAvailable: false),
            A.Module(@new, 3, null, isAvailable: false)];
        var state = State(Pods(6), Group(deployment, (old, ModulesOf(old, 4)), (@new, fresh)));
        Assert.Equal([Name(old, 3)], Deleted(state));
        fresh[1] = A.Module(@new, 1, "base-5", replaces: Uid(old, 0));
        Assert.Equal([Name(old, 3), Name(old, 0)], Deleted(State(Pods(6), Group(deployment, (old, ModulesOf(old, 4)), (@new, fresh)))));
    }

    [Fact]
    public void Available_means_for_minReadySeconds()
    {
        var (deployment, old, @new) = Release(1);
        deployment = deployment.With(spec => spec with { MinReadySeconds = 30 });
        var settled = A.Module(old, 0, "base-0");
        settled = settled with
        {
            Status = settled.Status with
            {
                Conditions = [
            .. settled.Status.Conditions.Select(condition => condition with { LastTransitionTime = A.Time.AddHours(-1) })]
            }
        };
        var state = State(Pods(2), Group(deployment, (old, [settled]), (@new, [A.Module(@new, 0, "base-1", replaces: Uid(old, 0))])));
        Assert.Empty(Deleted(state));
        Assert.Equal(A.Time.AddSeconds(30), PlacementPlanner.Plan(state, A.Time).RequeueAt);
        Assert.Single(PlacementPlanner.Plan(state, A.Time.AddSeconds(30)).Steps.OfType<PlacementStep.Delete>());
    }

    [Fact]
    public void Max_unavailable_allows_no_gap_here()
    {
        var (deployment, old, @new) = Release(4);
        deployment = deployment.Strategy(strategy => strategy with { MaxUnavailable = new(100, true) });
        var fresh = Enumerable.Range(0, 4).Select(i => A.Module(@new, i, $"base-{4 + i}", isAvailable: false, replaces: Uid(old, i)))
            .ToArray();
        Assert.Empty(Deleted(State(Pods(8), Group(deployment, (old, ModulesOf(old, 4)), (@new, fresh)))));
    }

    [Fact]
    public void What_serves_nothing_is_replaced_in_its_place()
    {
        var (deployment, old, @new) = Release(1);
        var state = State(Pods(1), Group(deployment, (old, [A.Module(old, 0, "base-0").Failed(FailureReason.BizStartFailed)]), (@new, [])));
        Assert.Equal([$"create {Name(@new, 0)} on base-0 for {Name(old, 0)}", $"delete {Name(old, 0)}: replaced by a new revision"],
            Steps(state));
    }

    [Theory]
    [InlineData(null, null,
        "scale Deployment base up for the time of the release, or let the controller do it: set the annotation "
            + "koupleless.io/allow-base-scaling: \"true\" on the Deployment")]
    [InlineData("true", "shop-hpa",
        "HorizontalPodAutoscaler shop-hpa decides how many there are: raise its minReplicas for the time of the release")]
    [InlineData("true", null, "Deployment base is scaled up for it")]
    public void Without_another_pod_the_place_is_pending_and_says_what_to_do(string? isAllowed, string? autoscaler, string advice)
    {
        var (deployment, old, @new) = Release(1);
        var group = Group(deployment, (old, ModulesOf(old, 1)), (@new, [A.Module(@new, 0, null, isAvailable: false)]));
        var explained = Assert.Single(Plan(Pods(1), Base(1, isAllowed: isAllowed, autoscaler: autoscaler), group)
            .OfType<PlacementStep.Explain>());
        Assert.Equal(
            (Reasons.NoEligibleBase,
                $"0 of 1 base pods are eligible: 1 already has a module of this name; scaleup_then_scaledown needs other base pods: "
                    + $"{advice}"),
            (explained.Reason, explained.Message));
    }

    [Fact]
    public void A_whole_release_adds_pods_loses_no_capacity_and_gives_the_pods_back()
    {
        var world = new SmallWorld { Base = Base(3).Deployment };
        for (var i = 0; i < 3; i++) world.AddPod($"base-{i}");
        world.Deployments["shop"] = A.ModuleDeployment(replicas: 3).Policy(UpgradePolicy.ScaleUpThenScaleDown);
        world.Settle();
        world.Deployments["shop"] = world.Deployments["shop"].With(spec => spec with { Template = A.Template("shop", "2.0.0") });
        world.AfterStep = () => Assert.True(world.Modules.Values.Count(module => module.IsAvailable) >= 3, string.Join("\n", world.Log));
        world.Settle();
        Assert.Equal(["2.0.0", "2.0.0", "2.0.0"], world.Modules.Values.Select(module => module.Spec.Module.Version));
        Assert.Equal(3, world.Pods.Count);
        Assert.Contains("scale base to 6 (3 of 6)", world.Log);
        Assert.Contains("scale base to 3 ()", world.Log);
        Assert.DoesNotContain(world.Pods.Values, pod => pod.IsMarked);
    }

    [Fact]
    public void Whatever_the_sizes_nothing_stops_serving_and_all_added_pods_go() =>
        Gen.Select(Gen.Int[1, 5], Gen.Int[1, 5], Gen.Int[0, 3], Gen.Int[0, 2], Gen.Int[1, 3])
            .Sample((pods, replicas, spare, neighbours, batches) =>
        {
            replicas = Math.Min(replicas, pods);
            var world = new SmallWorld { Base = Base(pods + spare).Deployment };
            for (var i = 0; i < pods + spare; i++) world.AddPod($"base-{i}");
            for (var i = 0; i < neighbours; i++) world.Deployments[$"other-{i}"] = A.ModuleDeployment($"other-{i}", replicas: pods);
            world.Deployments["shop"] = A.ModuleDeployment(replicas: replicas).Policy(UpgradePolicy.ScaleUpThenScaleDown)
                .Strategy(strategy => strategy with { BatchCount = batches });
            world.Settle();
            int Serving(string name = "shop") => world.Modules.Values.Count(module => module.IsAvailable && module.Spec.Module.Name == name
                && world.Pods.Values.Any(pod => pod.Uid == module.Spec.PodUid));

            var most = 0;
            world.AfterStep = () =>
            {
                most = Math.Max(most, world.Base.Spec.Replicas!.Value);
                Assert.True(Serving() >= replicas, string.Join("\n", world.Log));
                Assert.All(Enumerable.Range(0, neighbours), i => Assert.True(Serving($"other-{i}") >= pods, string.Join("\n", world.Log)));
            };
            world.Deployments["shop"] = world.Deployments["shop"].With(spec => spec with { Template = A.Template("shop", "2.0.0") });
            world.Settle();
            Assert.Equal(replicas, Serving());
            Assert.All(world.Modules.Values.Where(module => module.Spec.Module.Name == "shop"),
                module => Assert.Equal("2.0.0", module.Spec.Module.Version));
            Assert.Equal(pods + spare, world.Pods.Count);
            Assert.Equal(pods + spare, world.Base.Spec.Replicas);
            Assert.DoesNotContain(Annotations.AddedReplicas, world.Base.Metadata.Annotations.Keys);
            Assert.InRange(most, pods + spare, pods + spare + Math.Max(0, replicas - (pods + spare - replicas)));
        }, iter: 200);

    [Fact]
    public void On_a_symmetric_one_the_policy_counts_as_unset()
    {
        var deployment = A.ModuleDeployment(replicas: -1).InForce(UpgradePolicy.ScaleUpThenScaleDown);
        Assert.Null(UpgradePolicies.Requested(deployment));
        Assert.Equal(UpgradePolicy.UninstallThenInstall, UpgradePolicies.Effective(deployment));
        Assert.Equal(UpgradePolicy.ScaleUpThenScaleDown, UpgradePolicies.Requested(deployment.With(spec => spec with { Replicas = 2 })));
    }
}
