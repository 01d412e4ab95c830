using CsCheck;
using ModuleController.Core.Builtin;
using ModuleController.Core.Commands;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.Core.Placement;
using ModuleController.Core.Tests.World;
using static ModuleController.Core.Tests.Placement.PlacementTests;

namespace ModuleController.Core.Tests.Placement;

/// <summary>scaleup_then_scaledown: new Modules on other pods first, and the base scaled for that where it says so.</summary>
public class HandoverTests
{
    [Fact]
    public void New_ones_take_the_free_pods_and_nothing_old_goes_yet()
    {
        var (deployment, old, @new) = Release(4);
        var state = State(Pods(6), Group(deployment, (old, Modules(old, 4)), (@new, [])));
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
        var state = State(Pods(6), Group(deployment, (old, Modules(old, 4)), (@new, fresh)));
        Assert.Equal([Name(old, 3)], Deleted(state));
        fresh[1] = A.Module(@new, 1, "base-5", replaces: Uid(old, 0));
        Assert.Equal([Name(old, 3), Name(old, 0)], Deleted(State(Pods(6), Group(deployment, (old, Modules(old, 4)), (@new, fresh)))));
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
        Assert.Empty(Deleted(State(Pods(8), Group(deployment, (old, Modules(old, 4)), (@new, fresh)))));
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
        var group = Group(deployment, (old, Modules(old, 1)), (@new, [A.Module(@new, 0, null, isAvailable: false)]));
        var explained = Assert.Single(Plan(Pods(1), Base(1, isAllowed, autoscaler: autoscaler), group).OfType<PlacementStep.Explain>());
        Assert.Equal(
            (Reasons.NoEligibleBase,
                $"0 of 1 base pods are eligible: 1 already has a module of this name; scaleup_then_scaledown needs other base pods: "
                    + $"{advice}"),
            (explained.Reason, explained.Message));
    }

    [Theory]
    [InlineData("true", null, 4, 6, "2 of 6")]     // two pods carry old ones, two are full of other things: two more
    [InlineData("true", null, 6, 0, null)]         // they are on the way already
    [InlineData("true", null, 5, 6, "1 of 6")]
    [InlineData("false", null, 4, 0, null)]
    [InlineData(null, null, 4, 0, null)]
    [InlineData("true", "hpa", 4, 0, null)]
    public void The_base_is_scaled_up_by_what_is_missing(string? isAllowed, string? autoscaler, int replicas, int expected, string? added)
    {
        var (deployment, old, @new) = Release(2);
        CandidatePod[] pods = [.. Pods(2), A.Pod("base-2") with { MaxModules = 0 }, A.Pod("base-3") with { MaxModules = 0 }];
        var step = Plan(pods, Base(replicas, isAllowed, autoscaler: autoscaler), Group(deployment, (old, Modules(old, 2)), (@new, [])))
            .OfType<PlacementStep.ScaleBase>().SingleOrDefault();
        Assert.Equal((expected, added), (step?.Replicas ?? 0, step?.Surge?.ToString()));
    }

    [Fact]
    public void Pods_that_are_still_coming_up_count_as_found()
    {
        var (deployment, old, @new) = Release(2);
        CandidatePod[] pods = [.. Pods(2), A.Pod("base-2", "is not Ready") with { IsStarting = true }];
        var group = Group(deployment, (old, Modules(old, 2)), (@new, []));
        Assert.Equal(4, Assert.Single(Plan(pods, Base(3), group).OfType<PlacementStep.ScaleBase>()).Replicas);
        CandidatePod[] broken = [.. Pods(2), A.Pod("base-2", "is not Ready")];
        Assert.Equal(5, Assert.Single(Plan(broken, Base(3), group).OfType<PlacementStep.ScaleBase>()).Replicas);
        CandidatePod[] full = [.. Pods(2), pods[2] with { MaxModules = 0 }];
        Assert.Equal(5, Assert.Single(Plan(full, Base(3), group).OfType<PlacementStep.ScaleBase>()).Replicas);
    }

    [Fact]
    public void Pods_that_the_base_is_refused_are_not_awaited()
    {
        var (deployment, old, @new) = Release(2);
        var waiting = A.Module(@new, 0, null, isAvailable: false);
        var group = Group(deployment, (old, Modules(old, 2)), (@new, [waiting]));
        Assert.Equal(Reasons.AwaitingPlace, ReasonFor(Base(4, null)));
        Condition[] quota = [new() { Type = "ReplicaFailure", Status = Condition.True, Reason = "FailedCreate" }];
        Assert.Equal(Reasons.NoEligibleBase, ReasonFor(new(Base(4, null).Deployment with { Status = new() { Conditions = quota } })));

        string ReasonFor(BaseDeployment found) =>
            Plan(Pods(2), found, group).OfType<PlacementStep.Explain>().Single(step => step.Module == waiting).Reason;
    }

    [Fact]
    public void Added_pods_that_take_nothing_are_not_followed_by_more()
    {
        var (deployment, old, @new) = Release(2);
        var pods = Pods(4).Select((pod, i) => i > 1 ? pod with { MaxModules = 0 } : pod).ToList();
        Assert.Empty(Plan(pods, Base(4, added: "2 of 4"), Group(deployment, (old, Modules(old, 2)), (@new, [])))
            .OfType<PlacementStep.ScaleBase>());
    }

    [Fact]
    public void When_the_release_is_over_the_emptiest_pods_are_marked_and_then_the_base_is_scaled_back()
    {
        var (deployment, old, @new) = Release(2);
        var group = Group(deployment, (old, []), (@new, [A.Module(@new, 0, "base-2"), A.Module(@new, 1, "base-3")]));
        var marks = Plan(Pods(4), Base(4, added: "2 of 4"), group);
        Assert.Equal([("base-1", "-2147483647"), ("base-0", "-2147483647")], marks.Cast<PlacementStep.Mark>()
            .Select(mark => (mark.Pod.Name, mark.Cost)));

        var marked = Pods(4).Select((pod, i) => pod with { IsMarked = i < 2 }).ToList();
        var tooEarly = State(marked, group) with { Base = Base(4, added: "2 of 4"), AreMarksObserved = false };
        Assert.Empty(PlacementPlanner.Plan(tooEarly, A.Time).Steps);
        var back = Assert.IsType<PlacementStep.ScaleBase>(Assert.Single(Plan(marked, Base(4, added: "2 of 4"), group)));
        Assert.Equal((2, null), (back.Replicas, back.Surge));
        // Until the ReplicaSet has acted, they stay marked; then the marks that are left go.
        Assert.Empty(Plan(marked, Base(2), group));
        Assert.Equal(["base-0"], Plan([marked[0], marked[2], marked[3]], Base(3), group).Cast<PlacementStep.Mark>()
            .Select(mark => mark.Cost is null ? mark.Pod.Name : ""));
    }

    [Fact]
    public void Pods_with_modules_go_one_at_a_time_and_only_while_all_else_serves()
    {
        var (deployment, old, @new) = Release(4);
        var modules = Enumerable.Range(0, 4).Select(i => A.Module(@new, i, $"base-{i}")).ToArray();
        CandidatePod[] marked = [.. Pods(4).Select((pod, i) => pod with { IsMarked = i == 3 })];
        var step = Assert.IsType<PlacementStep.ScaleBase>(
            Assert.Single(Plan(marked, Base(4, added: "2 of 4"), Group(deployment, (old, []), (@new, modules)))));
        Assert.Equal((3, "1 of 3"), (step.Replicas, step.Surge?.ToString()));

        modules[0] = A.Module(@new, 0, "base-0", isAvailable: false);
        Assert.DoesNotContain(Plan(marked, Base(4, added: "2 of 4"), Group(deployment, (old, []), (@new, modules))),
            planned => planned is PlacementStep.ScaleBase);
    }

    [Fact]
    public void Between_batches_what_was_added_stays()
    {
        var (deployment, old, @new) = Release(4);
        var (half, first) = (old with { Spec = old.Spec with { Replicas = 2 } }, @new with { Spec = @new.Spec with { Replicas = 2 } });
        var group = Group(deployment, (half, [A.Module(old, 0, "base-0"), A.Module(old, 1, "base-1")]),
            (first, [A.Module(@new, 0, "base-4"), A.Module(@new, 1, "base-5")]));
        Assert.Empty(Plan(Pods(6), Base(6, added: "2 of 6"), group));
    }

    [Theory]
    [InlineData(3, null)]
    [InlineData(8, null)]
    [InlineData(6, "hpa")]
    public void Where_somebody_else_scaled_meanwhile_what_we_added_is_theirs(int replicas, string? autoscaler)
    {
        var (deployment, old, @new) = Release(2);
        var group = Group(deployment, (old, []), (@new, [A.Module(@new, 0, "base-0"), A.Module(@new, 1, "base-1")]));
        var step = Assert.IsType<PlacementStep.ScaleBase>(
            Assert.Single(Plan(Pods(replicas), Base(replicas, added: "2 of 6", autoscaler: autoscaler), group)));
        Assert.Equal((replicas, null), (step.Replicas, step.Surge));
    }

    [Fact]
    public void A_cost_that_somebody_else_gave_a_pod_is_left_alone()
    {
        var (deployment, old, @new) = Release(1);
        var group = Group(deployment, (old, []), (@new, [A.Module(@new, 0, "base-0")]));
        CandidatePod[] pods = [A.Pod("base-0"), A.Pod("base-1") with { HasUserCost = true }];
        Assert.DoesNotContain(Plan(pods, Base(2, added: "1 of 2"), group), step => step is PlacementStep.Mark { Pod.Name: "base-1" });
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

    private static List<PlacementStep> Plan(IReadOnlyList<CandidatePod> pods, BaseDeployment found, params DeploymentGroup[] groups) =>
        [.. PlacementPlanner.Plan(State(pods, groups) with { Base = found }, A.Time).Steps
            .Where(step => step is not PlacementStep.Create { Pod: null })];

    private static BaseDeployment Base(int replicas, string? isAllowed = "true", string? added = null, string? autoscaler = null)
    {
        var annotations = new Dictionary<string, string>();
        if (isAllowed is not null) annotations[Annotations.AllowBaseScaling] = isAllowed;
        if (added is not null) annotations[Annotations.AddedReplicas] = added;
        return new(new Deployment
        {
            Metadata = new() { Name = "base", Namespace = "test", Uid = "uid-base", Annotations = annotations },
            Spec = new() { Replicas = replicas },
        }, autoscaler);
    }

    private static (ModuleDeployment, ModuleReplicaSet Old, ModuleReplicaSet New) Release(int count)
    {
        var before = A.ModuleDeployment(replicas: count);
        var after = before.With(spec => spec with { Template = A.Template("shop", "2.0.0") })
            .InForce(UpgradePolicy.ScaleUpThenScaleDown);
        return (after, A.ReplicaSet(before, 0), A.ReplicaSet(after, count, revision: 2));
    }

    private static string Uid(ModuleReplicaSet set, int ordinal) => $"uid-{Name(set, ordinal)}";

    private static Module[] Modules(ModuleReplicaSet set, int count) =>
        [.. Enumerable.Range(0, count).Select(i => A.Module(set, i, $"base-{i}"))];
}
