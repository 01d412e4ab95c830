using ModuleController.Core.Commands;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Placement;
using ModuleController.Core.Tests.World;
using static ModuleController.Core.Tests.Placement.States;

namespace ModuleController.Core.Tests.Placement;

/// <summary>Which places an upgrade takes, and how many at a time.</summary>
public class UpgradeTests
{
    [Fact]
    public void Install_first_puts_all_new_ones_beside_the_old_and_lets_an_old_one_go_when_its_successor_serves()
    {
        var (deployment, old, @new) = Upgrade(3, UpgradePolicy.InstallThenUninstall);
        var all = Group(deployment, (old, ModulesOf(old, 3)), (@new, []));
        Assert.Equal([.. Enumerable.Range(0, 3).Select(i => $"create {Name(@new, i)} on base-{2 - i} for {Name(old, 2 - i)}")],
            Steps(State(Pods(3), all)));

        var one = Group(deployment, (old, ModulesOf(old, 2)),
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
        var state = State(Pods(count), Group(deployment, (old, ModulesOf(old, count)), (@new, [])));
        Assert.Equal(expected, Deleted(state).Count);
        Assert.Equal(expected, Steps(state).Count(step => step.StartsWith("create", StringComparison.Ordinal)));
    }

    [Fact]
    public void While_only_the_new_goal_is_set_the_new_revision_takes_no_free_pod()
    {
        var (deployment, old, @new) = Upgrade(1, UpgradePolicy.InstallThenUninstall);
        var before = old with { Spec = old.Spec with { Replicas = 1 } };
        Assert.Empty(Steps(State(Pods(2), Group(deployment, (before, ModulesOf(before, 1)), (@new, [])))));
        Assert.Equal(
            [$"create {Name(@new, 0)} on base-0 for {Name(old, 0)}"],
            Steps(State(Pods(2), Group(deployment, (old, ModulesOf(old, 1)), (@new, [])))));
    }

    [Fact]
    public void Replacing_what_does_not_serve_is_free()
    {
        var (deployment, old, @new) = Upgrade(4, UpgradePolicy.UninstallThenInstall);
        var modules = ModulesOf(old, 4);
        modules[0] = modules[0].Failed(FailureReason.BizStartFailed);
        modules[1] = modules[1].Failed(FailureReason.BizStartFailed);
        Assert.Equal([Name(old, 1), Name(old, 0)], Deleted(State(Pods(4), Group(deployment, (old, modules), (@new, [])))));
    }

    [Fact]
    public void What_serves_too_shortly_counts_as_unavailable_and_is_not_free_to_replace()
    {
        var (deployment, old, @new) = Upgrade(4, UpgradePolicy.UninstallThenInstall);
        deployment = deployment.With(spec => spec with { MinReadySeconds = 60 });
        var state = State(Pods(4), Group(deployment, (old, ModulesOf(old, 4)), (@new, [])));
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
        Assert.Empty(Deleted(State(pods, Group(deployment, (old, ModulesOf(old, 3)), (@new, [])))));
    }

    [Fact]
    public void Pods_that_are_on_their_way_are_places()
    {
        var (deployment, old, @new) = Upgrade(4, UpgradePolicy.UninstallThenInstall);
        var state = State(Pods(3), Group(deployment, (old, ModulesOf(old, 3)), (@new, [])));
        Assert.Single(Deleted(state));
        Core.Builtin.Deployment found = new() { Metadata = new() { Name = "base" }, Spec = new() { Replicas = 4 } };
        Assert.Empty(Deleted(state with { Base = new(found) }));
    }

    [Fact]
    public void A_crash_between_create_and_delete_is_made_good()
    {
        var (deployment, old, @new) = Upgrade(4, UpgradePolicy.UninstallThenInstall);
        var replacement = A.Module(@new, 0, "base-2", isAvailable: false, replaces: $"uid-{Name(old, 2)}");
        Assert.Equal([Name(old, 2)], Deleted(State(Pods(4), Group(deployment, (old, ModulesOf(old, 4)), (@new, [replacement])))));
    }

    [Fact]
    public void Undone_in_mid_upgrade_the_new_one_goes_and_the_old_one_stays()
    {
        var (deployment, old, @new) = Upgrade(2, UpgradePolicy.InstallThenUninstall);
        var (back, undone) = (old with { Spec = old.Spec with { Replicas = 2 } }, @new with { Spec = @new.Spec with { Replicas = 0 } });
        var replacement = A.Module(@new, 0, "base-0", isAvailable: false, replaces: $"uid-{Name(old, 0)}");
        Assert.Equal([$"delete {Name(@new, 0)}: {Name(old, 0)} stays"],
            Steps(State(Pods(2), Group(deployment, (back, ModulesOf(old, 2)), (undone, [replacement])))));
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
        Assert.Single(Deleted(State(Pods(4), Group(again, (old, ModulesOf(old, 4)), (@new, [])))));
    }

    [Fact]
    public void Scaling_and_upgrading_at_once_reuses_places_and_adds_what_is_missing()
    {
        var (deployment, old, @new) = Upgrade(4, UpgradePolicy.InstallThenUninstall);
        var steps = Steps(State(Pods(5), Group(deployment, (old, ModulesOf(old, 2)), (@new, []))));
        Assert.Equal(2, steps.Count(step => step.Contains($"for {old.Metadata.Name}", StringComparison.Ordinal)));
        Assert.Equal(2, steps.Count(step => step.EndsWith("for -", StringComparison.Ordinal)));
    }
}
