using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Facts;
using ModuleController.Core.Modules.Names;
using ModuleController.Core.Rollouts;
using ModuleController.Core.Tests.World;
using static ModuleController.Core.Tests.Rollout.Releases;

namespace ModuleController.Core.Tests.Rollout;

/// <summary>Which ReplicaSets a ModuleDeployment has, and which of them are kept.</summary>
public sealed class RevisionTests
{
    [Theory]
    [InlineData(UpgradePolicy.InstallThenUninstall)]
    [InlineData(UpgradePolicy.UninstallThenInstall)]
    public void An_upgrade_keeps_the_old_replica_set_and_going_back_adopts_it(UpgradePolicy policy)
    {
        var world = WorldOf(3, policy);
        world.Settle();
        Release(world, "2.0.0");
        Assert.Equal(["0", "3"], world.ReplicaSets.Values.OrderBy(set => set.Metadata.Labels[Labels.Revision])
            .Select(set => $"{set.Spec.Replicas}"));
        Assert.Equal(policy.Text(), world.Deployments["shop"].Status.ReleaseStatus!.UpgradePolicy);
        Assert.Equal(["base-0", "base-1", "base-2"], world.Modules.Values.Select(module => module.Spec.PodName!).Order());

        Release(world, "1.0.0");
        var sets = world.ReplicaSets.Values.ToDictionary(set => set.Metadata.Labels[Labels.Revision]);
        Assert.Equal(["2", "3"], sets.Keys.Order());
        Assert.Equal(("1.0.0", 3), (sets["3"].Spec.Template.Spec.Module.Version, sets["3"].Spec.Replicas));
        Assert.Equal(sets["3"].Metadata.Uid,
            RevisionHistory.LastCompleted(world.SetsOf(world.Deployments["shop"]))!.ReplicaSet.Metadata.Uid);
        AssertConverged(world);
    }

    [Fact]
    public void Old_revisions_beyond_the_limit_go_the_oldest_first()
    {
        var world = WorldOf(1, limit: 2);
        foreach (var version in (string[])["1", "2", "3", "4", "5"]) Release(world, version);
        Assert.Equal(["3", "4", "5"], world.ReplicaSets.Values.Select(set => set.Spec.Template.Spec.Module.Version).Order());
    }

    [Fact]
    public void Without_any_history_the_last_completed_revision_stays_until_the_next_one_completes()
    {
        var world = WorldOf(2, limit: 0);
        world.Settle();
        world.BrokenVersions.Add("2.0.0");
        Release(world, "2.0.0");
        Assert.Equal(2, world.ReplicaSets.Count);
        Release(world, "3.0.0");
        Assert.Equal(["3.0.0"], world.ReplicaSets.Values.Select(set => set.Spec.Template.Spec.Module.Version));
    }

    [Fact]
    public void Another_url_makes_no_revision_and_new_modules_take_it()
    {
        var world = WorldOf(3);
        world.Settle();
        Change(world, spec => spec with { Replicas = 3, Template = A.Template("shop", "1.0.0", url: "http://jars/better.jar") });
        world.Settle();
        var set = Assert.Single(world.ReplicaSets.Values);
        Assert.Equal("http://jars/better.jar", set.Spec.Template.Spec.Module.Url);
        Assert.Equal(3, world.Deployments["shop"].Status.StaleArtifactReplicas);
        world.Modules.Remove(world.Modules.Keys.First());
        world.Settle();
        Assert.Equal(2, world.Deployments["shop"].Status.StaleArtifactReplicas);
        Assert.Equal("1", set.Metadata.Labels[Labels.Revision]);
    }

    [Fact]
    public void A_stranger_with_the_computed_name_is_walked_around()
    {
        var world = WorldOf(1);
        var plan = RolloutPlanner.Plan(world.Rollout(world.Deployments["shop"]) with { IsNameTaken = true }, world.Now);
        Assert.Equal(1, plan.Status!.CollisionCount);
        Assert.DoesNotContain(plan.Steps, step => step is RolloutStep.CreateReplicaSet);
        var next = world.Deployments["shop"] with { Status = plan.Status };
        Assert.NotEqual(RevisionReplicaSets.New(world.Deployments["shop"], 1).Metadata.Name,
            RevisionReplicaSets.New(next, 1).Metadata.Name);
    }

    [Fact]
    public void The_replica_set_that_was_orphaned_is_taken_back()
    {
        var world = WorldOf(1);
        var orphan = A.ReplicaSet(world.Deployments["shop"], goal: 1);
        orphan = orphan with { Metadata = orphan.Metadata with { OwnerReferences = [] } };
        var plan = RolloutPlanner.Plan(world.Rollout(world.Deployments["shop"]) with { Orphans = [orphan] }, world.Now);
        var adopted = Assert.IsType<RolloutStep.UpdateReplicaSet>(plan.Steps.Single());
        Assert.Equal("uid-shop", adopted.After.Metadata.Controller!.Uid);
    }
}
