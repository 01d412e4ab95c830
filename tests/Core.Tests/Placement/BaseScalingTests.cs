using CsCheck;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules.Names;
using ModuleController.Core.Placement;
using ModuleController.Core.Tests.World;
using static ModuleController.Core.Tests.Placement.Handovers;
using static ModuleController.Core.Tests.Placement.States;

namespace ModuleController.Core.Tests.Placement;

/// <summary>The base is scaled up for a handover, and back afterwards.</summary>
public class BaseScalingTests
{
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
        var step = Plan(pods, Base(replicas, isAllowed: isAllowed, autoscaler: autoscaler),
            Group(deployment, (old, ModulesOf(old, 2)), (@new, [])))
            .OfType<PlacementStep.ScaleBase>().SingleOrDefault();
        Assert.Equal((expected, added), (step?.Replicas ?? 0, step?.Surge?.ToString()));
    }

    [Fact]
    public void Pods_that_are_still_coming_up_count_as_found()
    {
        var (deployment, old, @new) = Release(2);
        CandidatePod[] pods = [.. Pods(2), A.Pod("base-2", "is not Ready") with { IsStarting = true }];
        var group = Group(deployment, (old, ModulesOf(old, 2)), (@new, []));
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
        var group = Group(deployment, (old, ModulesOf(old, 2)), (@new, [waiting]));
        Assert.Equal(Reasons.AwaitingPlace, ReasonFor(Base(4, isAllowed: null)));
        Condition[] quota = [new() { Type = "ReplicaFailure", Status = Condition.True, Reason = "FailedCreate" }];
        Assert.Equal(Reasons.NoEligibleBase, ReasonFor(new(Base(4, isAllowed: null).Deployment with
        {
            Status = new() { Conditions = quota },
        })));

        string ReasonFor(BaseDeployment found) =>
            Plan(Pods(2), found, group).OfType<PlacementStep.Explain>().Single(step => step.Module == waiting).Reason;
    }

    [Fact]
    public void Added_pods_that_take_nothing_are_not_followed_by_more()
    {
        var (deployment, old, @new) = Release(2);
        var pods = Pods(4).Select((pod, i) => i > 1 ? pod with { MaxModules = 0 } : pod).ToList();
        Assert.Empty(Plan(pods, Base(4, added: "2 of 4"), Group(deployment, (old, ModulesOf(old, 2)), (@new, [])))
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
}
