using ModuleController.Core.Agents;
using ModuleController.Core.Builtin;
using ModuleController.Core.Commands;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Facts;
using ModuleController.Core.Placement;
using ModuleController.Core.Tests.World;
using static ModuleController.Core.Tests.Placement.PlacementTests;

namespace ModuleController.Core.Tests.Placement;

public class UpgradeTests
{
    [Fact]
    public void Install_first_puts_all_new_ones_beside_the_old_and_lets_an_old_one_go_when_its_successor_serves()
    {
        var (deployment, old, @new) = Upgrade(3, UpgradePolicy.InstallThenUninstall);
        var all = Group(deployment, (old, Modules(old, 3)), (@new, []));
        Assert.Equal([.. Enumerable.Range(0, 3).Select(i => $"create {Name(@new, i)} on base-{2 - i} for {Name(old, 2 - i)}")],
            Steps(State(Pods(3), all)));

        var one = Group(deployment, (old, Modules(old, 2)),
            (@new, [A.Module(@new, 0, "base-0", replaces: $"uid-{Name(old, 0)}"),
                A.Module(@new, 1, "base-1", isAvailable: false, replaces: $"uid-{Name(old, 1)}")]));
        Assert.Equal([Name(old, 0)], Deleted(State(Pods(2), one)));
    }

    [Theory]
    [InlineData(4, null, 1)]
    [InlineData(8, null, 2)]
    [InlineData(4, 3, 3)]
    public void Uninstall_first_takes_no_more_than_max_unavailable(int count, int? limit, int expected)
    {
        var (deployment, old, @new) = Upgrade(count, UpgradePolicy.UninstallThenInstall, limit);
        var state = State(Pods(count), Group(deployment, (old, Modules(old, count)), (@new, [])));
        Assert.Equal(expected, Deleted(state).Count);
        Assert.Equal(expected, Steps(state).Count(step => step.StartsWith("create", StringComparison.Ordinal)));
    }

    [Fact]
    public void Uninstall_first_removes_what_serves_only_when_the_new_artifact_is_on_its_pod()
    {
        var (deployment, old, @new) = Upgrade(4, UpgradePolicy.UninstallThenInstall);
        List<CandidatePod> pods = [.. Pods(4).Select(pod => pod with { CanFetch = true })];
        var begun = State(pods, Group(deployment, (old, Modules(old, 4)), (@new, [])));
        Assert.Equal([$"create {Name(@new, 0)} on base-3 for {Name(old, 3)}"], Steps(begun));

        var next = A.Module(@new, 0, "base-3", isAvailable: false, replaces: $"uid-{Name(old, 3)}");
        var group = Group(deployment, (old with { Spec = old.Spec with { Replicas = 0 } }, Modules(old, 4)), (@new, [next]));
        // It holds the place in maxUnavailable, but serves.
        Assert.Empty(Steps(State(pods, group)));
        pods[3] = pods[3] with { Staged = new HashSet<string> { next.Metadata.Uid! } };
        Assert.Equal([$"delete {Name(old, 3)}"], Steps(State(pods, group)).Select(step => step.Split(':')[0]));
        pods[3] = pods[3] with { IsOutOfMetaspace = true };
        Assert.Empty(Deleted(State(pods, group)));
    }

    [Fact]
    public void What_serves_stays_while_nobody_tells_whether_its_successor_is_prepared()
    {
        var (deployment, old, @new) = Upgrade(4, UpgradePolicy.UninstallThenInstall);
        var next = A.Module(@new, 0, "base-3", isAvailable: false, replaces: $"uid-{Name(old, 3)}");
        var group = Group(deployment, (old with { Spec = old.Spec with { Replicas = 0 } }, Modules(old, 4)), (@new, [next]));
        var view = new BaseView
        {
            IsConnected = true,
            LastMessageAt = A.Time,
            State = BaseState.Up,
            Life = new("life", A.Time),
            IsBizKnown = true,
            CanFetch = true,
            Staged = [next.Metadata.Uid!],
        };
        Assert.Equal([Name(old, 3)], Deleted(SeenBy(view)));
        Assert.Equal([Name(old, 3)], Deleted(SeenBy(view with { CanFetch = false, Staged = [] })));
        // A new leader has no view of a pod whose agent has not reconnected.
        Assert.Empty(Deleted(SeenBy(null)));
        Assert.Empty(Deleted(SeenBy(view with { IsConnected = false, CanFetch = false })));
        Assert.Empty(Deleted(SeenBy(view with { State = BaseState.Hung })));

        PlacementState SeenBy(BaseView? seen)
        {
            var pod = new Pod
            {
                Metadata = new() { Name = "base-3", Uid = "uid-base-3" },
                Status = new() { Conditions = [new() { Type = "ContainersReady", Status = Condition.True }] },
            };
            var last = PodAssessment.Of(new(pod, null, seen), TimeSpan.FromMinutes(5), A.Time);
            return State([.. Pods(3).Select(other => other with { CanFetch = true }), last], group);
        }
    }

    [Fact]
    public void A_pod_without_metaspace_is_taken_last_and_holds_no_others_up()
    {
        var (deployment, old, @new) = Upgrade(4, UpgradePolicy.UninstallThenInstall);
        List<CandidatePod> pods = [.. Pods(4).Select(pod => pod with { CanFetch = true, IsOutOfMetaspace = pod.Name == "base-3" })];
        Assert.Equal([$"create {Name(@new, 0)} on base-2 for {Name(old, 2)}"],
            Steps(State(pods, Group(deployment, (old, Modules(old, 4)), (@new, [])))));

        // It was begun when the pod still had some.
        var next = A.Module(@new, 0, "base-3", isAvailable: false, replaces: $"uid-{Name(old, 3)}");
        Assert.Equal([$"create {Name(@new, 1)} on base-2 for {Name(old, 2)}"],
            Steps(State(pods, Group(deployment, (old, Modules(old, 4)), (@new, [next])))));

        // All others are through: it waits there, and says why.
        Module[] through = [.. Enumerable.Range(0, 3).Select(i => A.Module(@new, i, $"base-{i}"))];
        Assert.Equal([$"create {Name(@new, 3)} on base-3 for {Name(old, 3)}"],
            Steps(State(pods, Group(deployment, (old, [Modules(old, 4)[3]]), (@new, through)))));
    }

    [Fact]
    public void A_module_that_does_not_serve_is_not_kept_for_an_artifact()
    {
        var (deployment, old, @new) = Upgrade(2, UpgradePolicy.UninstallThenInstall);
        var pods = Pods(2).Select(pod => pod with { CanFetch = true });
        Module[] modules = [Modules(old, 2)[0], Modules(old, 2)[1].Failed(FailureReason.BizStartFailed)];
        Assert.Equal([Name(old, 1)], Deleted(State([.. pods], Group(deployment, (old, modules), (@new, [])))));
    }

    [Fact]
    public void While_only_the_new_goal_is_set_the_new_revision_takes_no_free_pod()
    {
        var (deployment, old, @new) = Upgrade(1, UpgradePolicy.InstallThenUninstall);
        var before = old with { Spec = old.Spec with { Replicas = 1 } };
        Assert.Empty(Steps(State(Pods(2), Group(deployment, (before, Modules(before, 1)), (@new, [])))));
        Assert.Equal(
            [$"create {Name(@new, 0)} on base-0 for {Name(old, 0)}"],
            Steps(State(Pods(2), Group(deployment, (old, Modules(old, 1)), (@new, [])))));
    }

    [Theory]
    [InlineData(UpgradePolicy.InstallThenUninstall)]
    [InlineData(UpgradePolicy.UninstallThenInstall)]
    [InlineData(UpgradePolicy.ScaleUpThenScaleDown)]
    public void What_serves_stays_until_the_status_of_the_release_is_observed(UpgradePolicy policy)
    {
        var (deployment, old, @new) = Upgrade(4, policy, maxUnavailable: 4);
        var group = Group(deployment, (old, Modules(old, 4)), (@new, []));
        Assert.NotEmpty(Steps(State(Pods(5), group)));
        // The goals come by another watch than the status.
        var release = deployment.Status.ReleaseStatus!;
        var before = release with { UpdateRevision = Revision.Of(old.Spec.Template).Hash() };
        foreach (var stale in (ReleaseStatus?[])
            [null, before, before with { Progress = ReleaseProgress.Aborted }, release with { UpgradePolicy = null }])
            Assert.Empty(Steps(State(Pods(5), group with { Deployment = With(deployment, stale) })));

        // Back to the old version: the policy stays that of the aborted release.
        var back = Group(deployment, (old with { Spec = old.Spec with { Replicas = 4 } }, []),
            (@new with { Spec = @new.Spec with { Replicas = 0 } }, Modules(@new, 4)));
        Assert.Empty(Deleted(State(Pods(5), back)));
        Assert.NotEmpty(Steps(State(Pods(5), back with
        {
            Deployment = With(deployment, release with { Progress = ReleaseProgress.Aborted }),
        })));

        var begun = Group(deployment, (old, Modules(old, 1)),
            (@new, [A.Module(@new, 0, "base-0", isAvailable: false, replaces: $"uid-{Name(old, 0)}")]));
        Assert.Empty(Deleted(State(Pods(1), begun with { Deployment = With(deployment, null) })));

        static ModuleDeployment With(ModuleDeployment deployment, ReleaseStatus? release) =>
            deployment with { Status = deployment.Status with { ReleaseStatus = release } };
    }

    [Fact]
    public void Replacing_what_does_not_serve_is_free()
    {
        var (deployment, old, @new) = Upgrade(4, UpgradePolicy.UninstallThenInstall);
        var modules = Modules(old, 4);
        modules[0] = modules[0].Failed(FailureReason.BizStartFailed);
        modules[1] = modules[1].Failed(FailureReason.BizStartFailed);
        Assert.Equal([Name(old, 1), Name(old, 0)], Deleted(State(Pods(4), Group(deployment, (old, modules), (@new, [])))));
    }

    [Fact]
    public void What_serves_too_shortly_counts_as_unavailable_and_is_not_free_to_replace()
    {
        var (deployment, old, @new) = Upgrade(4, UpgradePolicy.UninstallThenInstall);
        deployment = deployment.With(spec => spec with { MinReadySeconds = 60 });
        var state = State(Pods(4), Group(deployment, (old, Modules(old, 4)), (@new, [])));
        Assert.Empty(Deleted(state));
        Assert.Equal(A.Time.AddSeconds(60), PlacementPlanner.Plan(state, A.Time).RequeueAt);
        Assert.Single(PlacementPlanner.Plan(state, A.Time.AddSeconds(60)).Steps.OfType<PlacementStep.Delete>());
    }

    [Fact]
    public void Modules_without_a_place_do_not_hold_up_an_upgrade_that_would_free_none_for_them()
    {
        var world = new SmallWorld();
        for (var i = 0; i < 3; i++) world.AddPod($"base-{i}");
        foreach (var name in world.Pods.Keys.ToList()) world.Pods[name] = world.Pods[name] with { MaxModules = 1 };
        world.Deployments["shop"] = A.ModuleDeployment(replicas: 4).Policy(UpgradePolicy.UninstallThenInstall);
        world.Settle();
        var serving = 3;
        world.AfterStep = () => serving = Math.Min(serving, world.Modules.Values.Count(module => module.IsAvailable));
        world.Deployments["shop"] = world.Deployments["shop"].With(spec => spec with { Template = A.Template("shop", "2.0.0") });
        world.Settle();
        Assert.Equal(["2.0.0", "2.0.0", "2.0.0", "2.0.0"], world.Modules.Values.Select(module => module.Spec.Module.Version));
        Assert.Equal(3, world.Modules.Values.Count(module => module.IsAvailable));
        Assert.Equal(2, serving);
    }

    [Theory]
    [InlineData("is not Ready", true)]   // it comes back, and the module that it takes serves again
    [InlineData("needs a restart: a module is stuck there", false)]
    public void A_place_that_cannot_be_taken_now_counts_as_one(string refusal, bool isComing)
    {
        var (deployment, old, @new) = Upgrade(4, UpgradePolicy.UninstallThenInstall);
        CandidatePod[] pods = [.. Pods(3), A.Pod("base-3", refusal) with { IsStarting = isComing }];
        Assert.Empty(Deleted(State(pods, Group(deployment, (old, Modules(old, 3)), (@new, [])))));
    }

    [Fact]
    public void Pods_that_are_on_their_way_are_places()
    {
        var (deployment, old, @new) = Upgrade(4, UpgradePolicy.UninstallThenInstall);
        var state = State(Pods(3), Group(deployment, (old, Modules(old, 3)), (@new, [])));
        Assert.Single(Deleted(state));
        Core.Builtin.Deployment found = new() { Metadata = new() { Name = "base" }, Spec = new() { Replicas = 4 } };
        Assert.Empty(Deleted(state with { Base = new(found) }));
    }

    [Fact]
    public void The_last_one_that_serves_goes_only_when_its_successor_serves_elsewhere()
    {
        var (deployment, old, @new) = Upgrade(1, UpgradePolicy.UninstallThenInstall);
        var only = A.Module(old, 0, "base-0");
        Assert.Equal([$"create {Name(@new, 0)} on base-1 for -"], Steps(State(Pods(2), Group(deployment, (old, [only]), (@new, [])))));
        Assert.Empty(Steps(State(Pods(2), Group(deployment, (old, [only]), (@new, [A.Module(@new, 0, "base-1", isAvailable: false)])))));
        Assert.Equal([Name(old, 0)], Deleted(State(Pods(2), Group(deployment, (old, [only]), (@new, [A.Module(@new, 0, "base-1")])))));
    }

    [Fact]
    public void Where_there_is_no_other_pod_the_upgrade_waits_until_the_user_accepts_the_gap()
    {
        var (deployment, old, @new) = Upgrade(1, UpgradePolicy.UninstallThenInstall);
        var only = A.Module(old, 0, "base-0");
        var waiting = A.Module(@new, 0, null, isAvailable: false);
        Assert.Equal([$"create {Name(@new, 0)} on - for -"], Steps(State(Pods(1), Group(deployment, (old, [only]), (@new, [])))));
        Assert.StartsWith($"explain {Name(@new, 0)}: WouldInterruptService",
            Steps(State(Pods(1), Group(deployment, (old, [only]), (@new, [waiting])))).Single(), StringComparison.Ordinal);

        var accepted = deployment.Strategy(strategy => strategy with { MaxUnavailable = new(1, false) });
        Assert.Equal([$"bind {Name(@new, 0)} to base-0 for {Name(old, 0)}", $"delete {Name(old, 0)}: replaced by a new revision"],
            Steps(State(Pods(1), Group(accepted, (old, [only]), (@new, [waiting])))));
    }

    [Fact]
    public void A_crash_between_create_and_delete_is_made_good()
    {
        var (deployment, old, @new) = Upgrade(4, UpgradePolicy.UninstallThenInstall);
        var replacement = A.Module(@new, 0, "base-2", isAvailable: false, replaces: $"uid-{Name(old, 2)}");
        Assert.Equal([Name(old, 2)], Deleted(State(Pods(4), Group(deployment, (old, Modules(old, 4)), (@new, [replacement])))));
    }

    [Fact]
    public void Undone_in_mid_upgrade_the_new_one_goes_and_the_old_one_stays()
    {
        var (deployment, old, @new) = Upgrade(2, UpgradePolicy.InstallThenUninstall);
        var (back, undone) = (old with { Spec = old.Spec with { Replicas = 2 } }, @new with { Spec = @new.Spec with { Replicas = 0 } });
        var replacement = A.Module(@new, 0, "base-0", isAvailable: false, replaces: $"uid-{Name(old, 0)}");
        Assert.Equal([$"delete {Name(@new, 0)}: {Name(old, 0)} stays"],
            Steps(State(Pods(2), Group(deployment, (back, Modules(old, 2)), (undone, [replacement])))));
    }

    [Fact]
    public void A_third_revision_takes_over_from_the_one_that_serves()
    {
        var world = new SmallWorld();
        for (var i = 0; i < 2; i++) world.AddPod($"base-{i}");
        world.Deployments["shop"] = A.ModuleDeployment(replicas: 2).Policy(UpgradePolicy.InstallThenUninstall);
        world.Settle();
        world.BrokenVersions.Add("2.0.0");
        foreach (var version in (string[])["2.0.0", "3.0.0"])
        {
            world.Deployments["shop"] = world.Deployments["shop"].With(spec => spec with { Template = A.Template("shop", version) });
            world.Settle();
        }

        Assert.Equal(["3.0.0", "3.0.0"], world.Modules.Values.Select(module => module.Spec.Module.Version));
        Assert.All(world.Modules.Values, module => Assert.True(module.IsAvailable));
    }

    [Fact]
    public void Redeploying_a_version_uninstalls_first_whatever_the_policy()
    {
        var deployment = A.ModuleDeployment(replicas: 4);
        var again = deployment.With(spec => spec with { Template = A.Template("shop", "1.0.0", redeployAt: "noon") })
            .InForce(UpgradePolicy.InstallThenUninstall);
        var (old, @new) = (A.ReplicaSet(deployment, 0), A.ReplicaSet(again, 4, revision: 2));
        Assert.NotEqual(old.Metadata.Name, @new.Metadata.Name);
        Assert.Single(Deleted(State(Pods(4), Group(again, (old, Modules(old, 4)), (@new, [])))));
    }

    [Fact]
    public void What_serves_on_a_pod_whose_agent_is_silent_is_left_alone()
    {
        var (deployment, old, @new) = Upgrade(4, UpgradePolicy.UninstallThenInstall);
        var pods = Pods(4).Select(pod => pod with { IsCurrent = pod.Name == "base-1" }).ToList();
        Assert.Equal([Name(old, 1)], Deleted(State(pods, Group(deployment, (old, Modules(old, 4)), (@new, [])))));
    }

    [Fact]
    public void Scaling_and_upgrading_at_once_reuses_places_and_adds_what_is_missing()
    {
        var (deployment, old, @new) = Upgrade(4, UpgradePolicy.InstallThenUninstall);
        var steps = Steps(State(Pods(5), Group(deployment, (old, Modules(old, 2)), (@new, []))));
        Assert.Equal(2, steps.Count(step => step.Contains($"for {old.Metadata.Name}", StringComparison.Ordinal)));
        Assert.Equal(2, steps.Count(step => step.EndsWith("for -", StringComparison.Ordinal)));
    }

    private static (ModuleDeployment, ModuleReplicaSet Old, ModuleReplicaSet New) Upgrade(int count, UpgradePolicy policy,
        int? maxUnavailable = null)
    {
        var before = A.ModuleDeployment(replicas: count)
            .Strategy(strategy => strategy with { MaxUnavailable = maxUnavailable is { } limit ? new(limit, false) : null });
        var after = before.With(spec => spec with { Template = A.Template("shop", "2.0.0") }).InForce(policy);
        return (after, A.ReplicaSet(before, 0), A.ReplicaSet(after, count, revision: 2));
    }

    private static Module[] Modules(ModuleReplicaSet set, int count) =>
        [.. Enumerable.Range(0, count).Select(i => A.Module(set, i, $"base-{i}"))];
}
