using ModuleController.Core.Commands;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.Core.Placement;
using ModuleController.Core.Tests.World;
using static ModuleController.Core.Tests.Placement.Handovers;
using static ModuleController.Core.Tests.Placement.States;

namespace ModuleController.Core.Tests.Placement;

/// <summary>Pods that were added for a release: how many at most, whose they are, and what goes before them.</summary>
public class SurgePodTests
{
    private static readonly ModuleDeployment Shop = A.ModuleDeployment(replicas: 1);
    private static readonly ModuleDeployment Other = A.ModuleDeployment("other", replicas: 1);
    private static readonly ModuleReplicaSet Shops = A.ReplicaSet(Shop, 1);
    private static readonly ModuleReplicaSet Others = A.ReplicaSet(Other, 1);

    [Fact]
    public void The_only_module_that_serves_is_moved_before_its_pod_is_taken_back()
    {
        CandidatePod[] pods = [Pod("a", 0), Pod("c", 1)];
        var only = A.Module(Shops, 0, "c");
        Assert.Equal(
            [$"create {Name(Shops, 1)} on a for {Name(Shops, 0)}", $"mark c: {int.MinValue + 1}"],
            Steps(Grown(pods, "1 of 2", only)));

        CandidatePod[] marked = [pods[0], pods[1] with { IsMarked = true, Refusal = "is about to be removed" }];
        var moved = A.Module(Shops, 1, "a", replaces: only.Metadata.Uid);
        // Until the new one serves, all stays; then the old one goes, and with it, when it is gone, the pod.
        Assert.Empty(Steps(Grown(marked, "1 of 2", only, A.Module(Shops, 1, "a", isAvailable: false, replaces: only.Metadata.Uid))));
        Assert.Equal([$"delete {Name(Shops, 0)}: replaced by {Name(Shops, 1)}"], Steps(Grown(marked, "1 of 2", only, moved)));
        Assert.Empty(Steps(Grown(marked, "1 of 2", only.Deleting(), moved)));
        Assert.Equal(["scale base to 1 ()"], Steps(Grown(marked, "1 of 2", moved)));
    }

    [Fact]
    public void A_module_that_does_not_come_up_elsewhere_keeps_its_pod()
    {
        CandidatePod[] pods = [Pod("a", 0), Pod("c", 1) with { IsMarked = true }];
        var only = A.Module(Shops, 0, "c");
        var failed = A.Module(Shops, 1, "a", replaces: only.Metadata.Uid);
        Assert.Empty(Steps(Grown(pods, "1 of 2", only, failed with { Status = failed.Failed(FailureReason.MetaspaceFull).Status })));
    }

    [Fact]
    public void A_pod_whose_modules_find_no_other_stays()
    {
        CandidatePod[] pods = [Pod("a", 0) with { MaxModules = 1 }, Pod("c", 1) with { MaxModules = 1 }];
        Assert.Empty(Steps(Grown(pods, "1 of 2", A.Module(Shops, 0, "c"))));
    }

    [Theory]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public void A_pod_stays_while_the_ModuleDeployment_of_its_only_module_is_deleted_or_conflicts(bool isDeleting, bool isConflicting)
    {
        var shop = isDeleting ? Shop with { Metadata = Shop.Metadata with { DeletionTimestamp = A.Time } } : Shop;
        var state = State(
            [Pod("a", 0), Pod("c", 1)],
            Group(shop, (Shops, [A.Module(Shops, 0, "c")])) with { IsConflicting = isConflicting },
            Group(Other, (Others, [A.Module(Others, 0, "a")])));
        Assert.Empty(Steps(state with { Base = Base(2, "1 of 2") }));
    }

    [Fact]
    public void A_module_is_not_moved_from_one_surge_pod_to_another()
    {
        var more = A.ModuleDeployment("more", replicas: 1);
        var mores = A.ReplicaSet(more, 1);
        var state = State(
            [Pod("a", 0) with { MaxModules = 1 }, Pod("b", 1), Pod("c", 2)],
            Group(Shop, (Shops, [A.Module(Shops, 0, "c")])), Group(Other, (Others, [A.Module(Others, 0, "a")])),
            Group(more, (mores, [A.Module(mores, 0, "b")])));
        Assert.Empty(Steps(state with { Base = Base(3, "2 of 3") }));
    }

    [Fact]
    public void The_pods_that_were_there_before_keep_their_modules()
    {
        // The older pod has less on it, and would be taken back with one move.
        var more = A.ModuleDeployment("more", replicas: 1);
        var mores = A.ReplicaSet(more, 1);
        var state = Grown([Pod("z-old", 0), Pod("a-new", 1)], "1 of 2", A.Module(Shops, 0, "a-new"), A.Module(Others, 0, "z-old"))
            with
        {
            Groups = [Group(Shop, (Shops, [A.Module(Shops, 0, "a-new")])), Group(Other, (Others, [A.Module(Others, 0, "z-old")])),
            Group(more, (mores, [A.Module(mores, 0, "a-new")]))]
        };
        Assert.Equal(
            [$"create {Name(mores, 1)} on z-old for {Name(mores, 0)}", $"create {Name(Shops, 1)} on z-old for {Name(Shops, 0)}",
                $"mark a-new: {int.MinValue + 1}"],
            Steps(state).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_symmetric_module_goes_with_its_pod_and_never_the_last()
    {
        var everywhere = A.ModuleDeployment(replicas: -1);
        var set = A.ReplicaSet(everywhere, 2);
        Module[] modules = [A.Module(set, 0, "a"), A.Module(set, 1, "c")];
        var state = State([Pod("a", 0), Pod("c", 1)], Group(everywhere, (set, modules))) with { Base = Base(2, "1 of 2") };
        Assert.Equal([$"mark c: {int.MinValue + 1}"], Steps(state));
        Assert.Empty(
            Steps(State([Pod("a", 0), Pod("c", 1)], Group(everywhere, (set, [modules[1]]))) with
            {
                Base = Base(2, "1 of 2"),
                IsCreationBlocked = true
            }));
    }

    [Theory]
    [InlineData("a pod that is not Ready would go first", true, false, false)]
    [InlineData("two ReplicaSets would share the loss", false, true, false)]
    [InlineData("one that is asked to go counts still", false, false, true)]
    public void The_base_is_not_scaled_back_while_another_pod_might_go_instead(string why, bool isUnready, bool isRolling, bool isLeaving)
    {
        CandidatePod[] pods = [Pod("a", 0) with { IsReady = !isUnready, IsNewest = !isRolling }, Pod("c", 1) with { IsMarked = true }];
        var state = Grown(pods, "1 of 2", A.Module(Shops, 0, "a")) with { HasPodsBeingRemoved = isLeaving };
        Assert.True(Steps(state).Count == 0, why);
        Assert.Equal(["scale base to 1 ()"], Steps(Grown([Pod("a", 0), pods[1]], "1 of 2", A.Module(Shops, 0, "a"))));
    }

    [Fact]
    public void Who_sets_the_number_back_is_not_overruled_in_this_release()
    {
        var world = new SmallWorld { Base = Base(2).Deployment };
        for (var i = 0; i < 2; i++) world.AddPod($"base-{i}");
        world.Deployments["shop"] = A.ModuleDeployment(replicas: 2).Policy(UpgradePolicy.ScaleUpThenScaleDown);
        world.Settle();
        // A GitOps tool: whatever it sees is set back at once.
        world.AfterStep = () =>
        {
            if (world.Base.Spec.Replicas != 2) world.Base = world.Base with { Spec = world.Base.Spec with { Replicas = 2 } };
        };
        world.Deployments["shop"] = world.Deployments["shop"].With(spec => spec with { Template = A.Template("shop", "2.0.0") });
        world.Settle();
        Assert.Equal(["scale base to 4 (2 of 4)"], world.Log.Where(line => line.StartsWith("scale", StringComparison.Ordinal)));
        Assert.Equal("2 of 4", world.Base.Metadata.Annotations[Annotations.AddedReplicas]);
        Assert.Contains(world.Log,
            line => line.Contains("somebody else set the number of pods of Deployment base during this release", StringComparison.Ordinal));

        // One more by hand, and the release goes on. At its end the base is nobody's but the user's.
        world.AfterStep = () => { };
        world.Base = world.Base with { Spec = world.Base.Spec with { Replicas = 3 } };
        world.Settle();
        Assert.All(world.Modules.Values, module => Assert.Equal("2.0.0", module.Spec.Module.Version));
        Assert.Equal(3, world.Base.Spec.Replicas);
        Assert.DoesNotContain(Annotations.AddedReplicas, world.Base.Metadata.Annotations.Keys);
    }

    [Theory]
    [InlineData("1 of 4", "2 of 5")]
    [InlineData("1 of 6", null)]     // somebody else set it to 4
    public void No_pods_are_added_while_the_number_is_somebody_elses(string added, string? after)
    {
        var (deployment, old, @new) = Release(4);
        var group = Group(deployment, (old, [.. Enumerable.Range(0, 4).Select(i => A.Module(old, i, $"base-{i}"))]), (@new, []));
        var state = State(Pods(4), group) with { Base = Base(4, added, limit: "2") };
        Assert.Equal(after, PlacementPlanner.Plan(state, A.Time).Steps.OfType<PlacementStep.ScaleBase>()
            .SingleOrDefault()?.Surge?.ToString());
    }

    [Theory]
    [InlineData(null, 5, "5 of 10")]     // as many as it has
    [InlineData("2", 2, "2 of 7")]
    [InlineData("50%", 3, "3 of 8")]     // rounded up
    [InlineData("1000%", 5, "5 of 10")]  // never more than the batch lacks
    [InlineData("0", 0, null)]
    [InlineData("many", 0, null)]        // what can't be read allows none
    public void No_more_pods_are_added_than_the_base_allows(string? limit, int expected, string? added)
    {
        var (after, old, @new) = Release(5);
        var modules = Enumerable.Range(0, 5).Select(i => A.Module(old, i, $"base-{i}")).ToArray();
        var state = State(Pods(5), Group(after, (old, modules), (@new, []))) with { Base = Base(5, limit: limit) };
        var scaled = PlacementPlanner.Plan(state, A.Time).Steps.OfType<PlacementStep.ScaleBase>().SingleOrDefault();
        Assert.Equal((expected == 0 ? 0 : 5 + expected, added), (scaled?.Replicas ?? 0, scaled?.Surge?.ToString()));
    }

    [Fact]
    public void What_waits_at_the_limit_is_reported()
    {
        var (after, old, @new) = Release(1);
        var group = Group(after, (old, [A.Module(old, 0, "base-0")]), (@new, [A.Module(@new, 0, null, isAvailable: false)]));
        var reported = Assert.Single(
            PlacementPlanner.Plan(State(Pods(1), group) with { Base = Base(1, limit: "0") }, A.Time).Steps.OfType<PlacementStep.Explain>());
        Assert.EndsWith("no more than 0 pods are added to Deployment base (koupleless.io/max-added-replicas)", reported.Message,
            StringComparison.Ordinal);
    }

    private static (ModuleDeployment, ModuleReplicaSet Old, ModuleReplicaSet New) Release(int count)
    {
        var before = A.ModuleDeployment(replicas: count);
        var after = before.With(spec => spec with { Template = A.Template("shop", "2.0.0") })
            .InForce(UpgradePolicy.ScaleUpThenScaleDown);
        return (after, A.ReplicaSet(before, 0), A.ReplicaSet(after, count, revision: 2));
    }

    private static CandidatePod Pod(string name, int age) => A.Pod(name) with { CreatedAt = A.Time.AddMinutes(age) };

    private static PlacementState Grown(IReadOnlyList<CandidatePod> pods, string added, params Module[] modules) => State(
        pods,
        Group(Shop, (Shops, [.. modules.Where(module => module.Metadata.Name.StartsWith("shop", StringComparison.Ordinal))])),
        Group(Other, (Others, [A.Module(Others, 0, "a")]))) with
    { Base = Base(pods.Count, added: added) };
}
