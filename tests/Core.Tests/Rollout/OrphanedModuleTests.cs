using ModuleController.Core.Placement;
using ModuleController.Core.Rollouts;
using ModuleController.Core.Tests.World;

namespace ModuleController.Core.Tests.Rollout;

/// <summary><c>kubectl delete mdrs --cascade=orphan</c>: the Modules stay and are adopted by the ReplicaSet of their revision.</summary>
public class OrphanedModuleTests
{
    [Fact]
    public void Orphaned_modules_are_adopted_by_a_new_replica_set_and_never_reinstalled()
    {
        var story = Story.Released(4);
        var (modules, replicaSet) = (Modules(story), Assert.Single(story.World.ReplicaSets));
        story.World.Orphan(replicaSet.Key);
        story.World.Log.Clear();
        story.Settle();
        Assert.Equal(modules, Modules(story));
        Assert.DoesNotContain(story.World.Log, line => line.StartsWith("create ", StringComparison.Ordinal)
            || line.StartsWith("delete ", StringComparison.Ordinal));
        var adopter = Assert.Single(story.World.ReplicaSets).Value;
        Assert.NotEqual(replicaSet.Value.Metadata.Uid, adopter.Metadata.Uid);
        Assert.All(story.World.Modules.Values, module => Assert.Equal(adopter.Metadata.Uid, module.Metadata.Controller?.Uid));
        story.Stands("1/1 Completed: 1.0.0 x 4");
        Assert.Equal((4, 4), (story.Status.AvailableReplicas, story.Status.UpdatedAvailableReplicas));

        story.Upgrade("2.0.0").Settle();
        story.Stands("1/1 Completed: 2.0.0 x 4");
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(3)]
    public void Those_that_are_observed_later_than_the_deletion_of_their_ReplicaSet_are_neither_removed_nor_created_again(int orphans)
    {
        var story = Story.Released(4).AddPods(2);
        var modules = Modules(story);
        var (name, replicaSet) = Assert.Single(story.World.ReplicaSets);
        var before = story.World.Modules.ToDictionary();
        story.World.Orphan(name);
        var after = story.World.Modules.ToDictionary();
        foreach (var late in before.Keys.Skip(orphans)) story.World.Modules[late] = before[late];
        for (var look = 0; look < 6; look++)
        {
            story.World.StepRollout(Story.Name);
            story.World.StepPlacement();
        }

        Assert.Equal(modules, Modules(story));
        foreach (var late in before.Keys.Skip(orphans)) story.World.Modules[late] = after[late];
        story.Settle();
        Assert.Equal(modules, Modules(story));
        story.Stands("1/1 Completed: 1.0.0 x 4");
    }

    [Fact]
    public void Their_number_is_no_gap_in_the_status()
    {
        var story = Story.Released(4);
        story.World.Orphan(story.World.ReplicaSets.Keys.Single());
        for (var step = 0; step < 4; step++)
        {
            story.World.StepRollout(Story.Name);
            Assert.Equal((4, 4), (story.Status.Replicas, story.Status.AvailableReplicas));
            if (step % 2 == 1) story.World.StepPlacement();
        }
    }

    [Fact]
    public void While_they_are_being_orphaned_nothing_is_removed_or_created()
    {
        var story = Story.Released(4);
        var (modules, (name, replicaSet)) = (Modules(story), story.World.ReplicaSets.Single());
        story.World.ReplicaSets[name] = replicaSet with
        {
            Metadata = replicaSet.Metadata with { DeletionTimestamp = story.World.Now, Finalizers = ["orphan"] },
        };
        story.World.LosePod("base-03");
        story.Settle();
        Assert.Equal(modules.Take(3), Modules(story));
        story.World.Orphan(name);
        story.Settle();
        Assert.Equal(modules.Take(3), Modules(story).Take(3));
    }

    [Fact]
    public void Those_of_an_older_revision_get_its_replica_set_back_and_are_upgraded_as_they_would_have_been()
    {
        var story = Story.Released(4, strategy: strategy => strategy with { BatchCount = 2, NeedConfirm = true }).Upgrade("2.0.0").Settle();
        story.Stands("1/2 Paused: 1.0.0 x 2, 2.0.0 x 2");
        var modules = Modules(story);
        story.World.Orphan(story.World.ReplicaSets.Single(set => set.Value.Spec.Template.Spec.Module.Version == "1.0.0").Key);
        story.Settle();
        story.Stands("1/2 Paused: 1.0.0 x 2, 2.0.0 x 2");
        Assert.Equal(modules, Modules(story));
        Assert.Equal(2, story.World.ReplicaSets.Count);
        story.Confirm(1).Settle();
        story.Stands("2/2 Completed: 2.0.0 x 4");
    }

    [Fact]
    public void Those_that_were_left_behind_before_the_deletion_go_with_their_module_deployment()
    {
        var story = Story.Released(3);
        story.World.Orphan(story.World.ReplicaSets.Keys.Single());
        story.Delete();
        for (var round = 0; round < 20 && story.World.Deployments.Count > 0; round++)
        {
            story.World.StepRollout(Story.Name);
            story.World.StepPlacement();
            foreach (var name in story.World.Modules.Keys.ToList()) story.World.StepModule(name);
        }

        Assert.Empty(story.World.Modules);
        Assert.Empty(story.World.Deployments);
    }

    [Fact]
    public void Those_of_a_module_deployment_that_conflicts_with_an_older_one_go_with_it_too()
    {
        var story = Story.Released(3);
        story.World.Orphan(story.World.ReplicaSets.Keys.Single());
        var older = A.ModuleDeployment("older", 0);
        story.World.Deployments["older"] = older.With(spec =>
            spec with { Template = story.World.Deployments[Story.Name].Spec.Template }) with
        {
            Metadata = older.Metadata with { CreationTimestamp = A.Time.AddDays(-1) },
        };
        Assert.NotNull(story.World.Rollout(story.World.Deployments[Story.Name]).ConflictsWith);
        story.Delete();
        for (var round = 0; round < 20; round++)
        {
            if (story.World.Deployments.ContainsKey(Story.Name)) story.World.StepRollout(Story.Name);
            story.World.StepPlacement();
            foreach (var name in story.World.Modules.Keys.ToList()) story.World.StepModule(name);
        }

        Assert.Empty(story.World.Modules);
        Assert.Equal(["older"], story.World.Deployments.Keys);
    }

    [Fact]
    public void Another_name_is_taken_where_their_replica_sets_name_is_in_use()
    {
        var story = Story.Released(4, strategy: strategy => strategy with { BatchCount = 2, NeedConfirm = true }).Upgrade("2.0.0").Settle();
        var old = story.World.ReplicaSets.Single(set => set.Value.Spec.Template.Spec.Module.Version == "1.0.0").Key;
        story.World.Orphan(old);
        var deployment = story.World.Deployments[Story.Name];
        var plan = RolloutPlanner.Plan(story.World.Rollout(deployment) with { TakenNames = [old] }, story.World.Now);
        Assert.DoesNotContain(plan.Steps, step => step is RolloutStep.CreateReplicaSet);
        Assert.Equal(1, plan.Status!.CollisionCount);

        var next = RolloutPlanner.Plan(story.World.Rollout(deployment with { Status = plan.Status }) with { TakenNames = [old] },
            story.World.Now);
        var created = Assert.Single(next.Steps.OfType<RolloutStep.CreateReplicaSet>()).ReplicaSet;
        Assert.NotEqual(old, created.Metadata.Name);
        Assert.Equal((2, "1.0.0"), (created.Spec.Replicas, created.Spec.Template.Spec.Module.Version));
    }

    [Fact]
    public void A_name_that_an_unowned_module_has_is_not_taken_twice()
    {
        var story = Story.Released(1, 1);
        var (name, module) = story.World.Modules.Single();
        story.World.Modules[name] = module with
        {
            Metadata = module.Metadata with { OwnerReferences = [], DeletionTimestamp = story.World.Now },
            Spec = module.Spec with { PodName = null, PodUid = null },
        };
        var plan = PlacementPlanner.Plan(story.World.Placement(), story.World.Now);
        Assert.NotEqual(name, Assert.Single(plan.Steps.OfType<PlacementStep.Create>()).Name);
    }

    private static List<string?> Modules(Story story) => [.. story.World.Modules.Values.Select(module => module.Metadata.Uid)];
}
