using ModuleController.Core.Agents;
using ModuleController.Core.Builtin;
using ModuleController.Core.Commands;
using ModuleController.Core.Modules;
using ModuleController.Core.Placement;
using ModuleController.Core.Tests.World;
using static ModuleController.Core.Tests.Placement.States;

namespace ModuleController.Core.Tests.Placement;

/// <summary>Which Modules are created, and on which pod.</summary>
public class PlacementTests
{
    private static readonly ModuleDeployment Shop = A.ModuleDeployment();

    [Fact]
    public void New_modules_are_created_on_eligible_pods_with_the_lowest_free_ordinals()
    {
        var set = A.ReplicaSet(Shop, goal: 3);
        var state = State(Pods(4), Group(Shop, (set, [A.Module(set, 1, "base-1")])));
        Assert.Equal([$"create {Name(set, 0)} on base-0 for -", $"create {Name(set, 2)} on base-2 for -"], Steps(state));
    }

    [Fact]
    public void A_deleted_module_keeps_its_name_and_its_pod_until_it_is_gone()
    {
        var set = A.ReplicaSet(Shop, goal: 1);
        var state = State(Pods(2), Group(Shop, (set, [A.Module(set, 0, "base-0").Deleting()])));
        Assert.Equal([$"create {Name(set, 1)} on base-1 for -"], Steps(state));
    }

    [Fact]
    public void Without_a_place_the_module_says_how_many_pods_refused_and_why()
    {
        var set = A.ReplicaSet(Shop, goal: 3);
        CandidatePod[] pods = [A.Pod("base-0"), A.Pod("base-1", "is not Ready"), A.Pod("base-2", "is not Ready"),
            A.Pod("base-3") with { MaxModules = 0 }];
        var group = Group(Shop, (set, [A.Module(set, 0, "base-0"), A.Module(set, 1, null, isAvailable: false)]));
        Assert.Equal(
            [
                $"create {Name(set, 2)} on - for -",
                $"explain {Name(set, 1)}: NoEligibleBase: 0 of 4 base pods are eligible: 2 are not Ready, 1 already has a module of "
                    + "this name, 1 is full",
            ],
            Steps(State(pods, group)).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void No_module_is_placed_where_the_agent_gets_no_commands_or_nothing_can_be_uninstalled()
    {
        var view = new BaseView
        {
            IsConnected = true,
            LastMessageAt = A.Time,
            State = BaseState.Up,
            Life = new("life", A.Time),
            IsBizKnown = true
        };
        var set = A.ReplicaSet(Shop, goal: 1);
        var group = Group(Shop, (set, [A.Module(set, 0, null, isAvailable: false)]));
        Assert.Equal([$"bind {Name(set, 0)} to base-0 for -"], Steps(State([Judged(view)], group)));
        Assert.Equal(
            [$"explain {Name(set, 0)}: NoEligibleBase: 0 of 1 base pods are eligible: 1 has an agent that gets no commands (Fenced)"],
            Steps(State([Judged(view with { IsFenced = true })], group)));

        // Nothing is stuck where Arklet answers, and rejects.
        var left = new BizView("orders", "1.0.0", BizState.Activated) { ModuleUid = "m-1" };
        var rejected = new CommandAttempt("m-1/uninstall/life/5", CommandOutcome.Failed, FailureReason.UninstallFailed,
            A.Time)
        { Rejections = 5 };
        Assert.EndsWith("1 needs a restart: Arklet rejects the uninstall of a module there",
            Assert.Single(Steps(State([Judged(view with { Biz = [left], Attempts = [rejected] })], group))), StringComparison.Ordinal);
        Assert.EndsWith("1 needs a restart: a module is stuck there",
            Assert.Single(Steps(State([Judged(view with { Biz = [left with { IsStuck = true }] })], group))), StringComparison.Ordinal);

        static CandidatePod Judged(BaseView view)
        {
            var pod = new Pod
            {
                Metadata = new() { Name = "base-0", Uid = "uid-base-0" },
                Status = new() { ContainerStatuses = [new() { Name = "base", Ready = true }] },
            };
            return PodAssessment.Of(new(pod, null, view), TimeSpan.FromMinutes(5), A.Time);
        }
    }

    [Fact]
    public void A_symmetric_module_without_a_place_names_the_pod_that_it_stands_for()
    {
        var deployment = A.ModuleDeployment(replicas: -1);
        var set = A.ReplicaSet(deployment, goal: 2);
        var group = Group(deployment, (set, [A.Module(set, 0, "base-0"), A.Module(set, 1, null, isAvailable: false)]));
        Assert.Equal([$"explain {Name(set, 1)}: NoEligibleBase: base pod base-1 has no agent connected"],
            Steps(State([A.Pod("base-0"), A.Pod("base-1", "has no agent connected")], group)));
    }

    [Fact]
    public void A_waiting_module_is_bound_when_a_pod_appears()
    {
        var set = A.ReplicaSet(Shop, goal: 1);
        Assert.Equal([$"bind {Name(set, 0)} to base-0 for -"],
            Steps(State(Pods(1), Group(Shop, (set, [A.Module(set, 0, null, isAvailable: false)])))));
    }

    [Theory]
    [InlineData("scatter", "base-1")]
    [InlineData("stacking", "base-0")]
    public void Scatter_takes_the_emptiest_pod_and_stacking_the_fullest(string policy, string expected)
    {
        var deployment = Shop.With(spec => spec with { SchedulingStrategy = new() { SchedulingPolicy = policy } });
        var other = A.ModuleDeployment("other", 1);
        var (set, others) = (A.ReplicaSet(deployment, goal: 1), A.ReplicaSet(other, goal: 1));
        var state = State(Pods(2), Group(deployment, (set, [])), Group(other, (others, [A.Module(others, 0, "base-0")])));
        Assert.Equal([$"create {Name(set, 0)} on {expected} for -"], Steps(state));
    }

    public static TheoryData<string, Func<CandidatePod, CandidatePod>, Func<CandidatePod, CandidatePod>> Ranks { get; } = new()
    {
        { "a cordoned node comes last", pod => pod with { IsDisrupted = true }, pod => pod },
        { "the newest ReplicaSet first while the base rolls", pod => pod with { IsNewest = false }, pod => pod },
        { "more Metaspace first", pod => pod with { Headroom = 1 }, pod => pod with { Headroom = 2 } },
        { "refused", pod => pod with { Refusal = "is not Ready" }, pod => pod with { IsDisrupted = true } },
        { "full", pod => pod with { MaxModules = 0 }, pod => pod with { IsNewest = false } },
    };

    [Theory]
    [MemberData(nameof(Ranks), DisableDiscoveryEnumeration = true)]
    public void The_better_pod_is_taken(string why, Func<CandidatePod, CandidatePod> worse, Func<CandidatePod, CandidatePod> better)
    {
        var set = A.ReplicaSet(Shop, goal: 1);
        var steps = Steps(State([worse(A.Pod("a")), better(A.Pod("b"))], Group(Shop, (set, []))));
        Assert.True(steps.SequenceEqual([$"create {Name(set, 0)} on b for -"]), $"{why}: {string.Join(", ", steps)}");
    }

    [Fact]
    public void Equal_pods_are_taken_from_the_zone_with_the_fewest()
    {
        var set = A.ReplicaSet(Shop, goal: 3);
        CandidatePod[] pods = [A.Pod("a") with { Domain = "z1" }, A.Pod("b") with { Domain = "z1" }, A.Pod("c") with { Domain = "z2" },
            A.Pod("d") with { Domain = "z2" }];
        var steps = Steps(State(pods, Group(Shop, (set, [A.Module(set, 0, "a")]))));
        Assert.Equal([$"create {Name(set, 1)} on c for -", $"create {Name(set, 2)} on b for -"], steps);
    }

    [Fact]
    public void The_one_with_the_higher_priority_chooses_first()
    {
        var urgent = A.ModuleDeployment("urgent", 1).With(spec => spec with { Priority = 5 });
        var (set, sets) = (A.ReplicaSet(Shop, goal: 1), A.ReplicaSet(urgent, goal: 1));
        var pods = new[] { A.Pod("base-0") with { MaxModules = 1 } };
        Assert.Equal([$"create {Name(sets, 0)} on base-0 for -", $"create {Name(set, 0)} on - for -"],
            Steps(State(pods, Group(Shop, (set, [])), Group(urgent, (sets, [])))));
    }

    [Fact]
    public void The_new_revision_gets_the_only_pod()
    {
        var before = A.ModuleDeployment(replicas: 2);
        var after = before.With(spec => spec with { Template = A.Template("shop", "2.0.0") });
        var (old, @new) = (A.ReplicaSet(before, 1), A.ReplicaSet(after, 1, revision: 2));
        Assert.Contains($"create {Name(@new, 0)} on base-0 for -", Steps(State(Pods(1), Group(after, (old, []), (@new, [])))));
    }

    [Fact]
    public void In_a_terminating_namespace_nothing_is_created()
    {
        var set = A.ReplicaSet(Shop, goal: 2);
        var state = State(Pods(2), Group(Shop, (set, [A.Module(set, 0, "lost")]))) with { IsCreationBlocked = true };
        Assert.Equal([Name(set, 0)], Deleted(state));
        Assert.Single(Steps(state));
    }

    [Fact]
    public void The_younger_of_two_with_one_module_name_does_nothing()
    {
        var set = A.ReplicaSet(Shop, goal: 2);
        Assert.Empty(Steps(State(Pods(2), Group(Shop, (set, [])) with { IsConflicting = true })));
    }

    [Fact]
    public void A_message_about_numbers_alone_waits_its_turn()
    {
        var set = A.ReplicaSet(Shop, goal: 1);
        var waiting = A.Module(set, 0, null, isAvailable: false);
        waiting = waiting with
        {
            Status = waiting.Status with
            {
                Conditions = [new() { Type = "Scheduled", Status = "False", Reason = "NoEligibleBase", Message = "old" }]
            }
        };
        var state = State([A.Pod("base-0", "is not Ready")], Group(Shop, (set, [waiting])));
        Assert.Single(Steps(state));
        Assert.Empty(Steps(state with { MayRefreshMessages = false }));
    }

    [Fact]
    public void A_base_of_two_hundred_pods_with_many_modules_is_planned_in_no_time()
    {
        var pods = Pods(200);
        List<DeploymentGroup> groups = [];
        for (var i = 0; i < 50; i++)
        {
            var deployment = A.ModuleDeployment($"m{i}", 200);
            groups.Add(Group(deployment, (A.ReplicaSet(deployment, goal: 200), [])));
        }

        // 10,000 placements; a scan of all pods and Modules for each would be 100 million looks.
        var plan = PlacementPlanner.Plan(State(pods, [.. groups]), A.Time);
        Assert.Equal(10_000, plan.Steps.OfType<PlacementStep.Create>().Count(create => create.Pod is not null));
        Assert.All(plan.Counts, count => Assert.Equal(50, count));
    }
}
