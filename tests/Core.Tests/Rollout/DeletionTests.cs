using ModuleController.Core.Builtin;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.Core.Rollouts;
using ModuleController.Core.Tests.World;
using static ModuleController.Core.Tests.Rollout.Releases;

namespace ModuleController.Core.Tests.Rollout;

public class DeletionTests
{
    [Fact]
    public void Modules_go_first_then_service_and_replica_sets_then_the_finalizer()
    {
        var world = Deleted();
        var service = new Service
        {
            Metadata = new()
            {
                Name = "shop-service",
                Namespace = "test",
                OwnerReferences = [RevisionReplicaSets.OwnerOf(world.Deployments["shop"])]
            },
        };
        var first = RolloutPlanner.Plan(world.Rollout(world.Deployments["shop"]) with { Service = service }, world.Now);
        Assert.Empty(first.Steps);
        Assert.Equal([0], first.StepsAfterStatus.Select(step => ((RolloutStep.ScaleReplicaSet)step).Replicas));
        Assert.Equal(ReleaseProgress.Terminating, first.Status!.ReleaseStatus!.Progress);
        Assert.Equal([Reasons.Terminating], first.Events.Select(planned => planned.Reason));

        world.StepRollout("shop");
        world.StepPlacement();
        Assert.All(world.Modules.Values, module => Assert.True(module.Metadata.IsDeleting));
        Assert.Empty(Plan(world).Steps);
        world.Modules.Clear();
        var second = RolloutPlanner.Plan(world.Rollout(world.Deployments["shop"]) with { Service = service }, world.Now);
        Assert.Equal(["DeleteService", "DeleteReplicaSet"], second.Steps.Select(step => step.GetType().Name));

        world.Settle();
        Assert.Empty(world.Deployments);
        Assert.Empty(world.ReplicaSets);
    }

    [Fact]
    public void Orphaning_lets_go_and_touches_nothing()
    {
        var world = Deleted("orphan");
        var step = Assert.IsType<RolloutStep.UpdateDeployment>(Assert.Single(Plan(world).Steps));
        Assert.Equal(["orphan"], step.After.Metadata.Finalizers);
        Assert.Empty(Plan(world).StepsAfterStatus);
    }

    [Fact]
    public void In_a_terminating_namespace_nobody_is_waited_for()
    {
        var world = Deleted();
        var plan = RolloutPlanner.Plan(world.Rollout(world.Deployments["shop"]) with { IsNamespaceTerminating = true }, world.Now);
        var step = Assert.IsType<RolloutStep.UpdateDeployment>(Assert.Single(plan.Steps));
        Assert.Empty(step.After.Metadata.Finalizers);
        Assert.Empty(plan.Events);
    }

    [Fact]
    public void A_service_of_another_owner_survives()
    {
        var world = Deleted();
        world.Modules.Clear();
        var name = world.ReplicaSets.Keys.Single();
        world.ReplicaSets[name] = world.ReplicaSets[name] with { Spec = world.ReplicaSets[name].Spec with { Replicas = 0 } };
        var foreign = new Service { Metadata = new() { Name = "shop-service", Namespace = "test" } };
        var plan = RolloutPlanner.Plan(world.Rollout(world.Deployments["shop"]) with { Service = foreign }, world.Now);
        Assert.DoesNotContain(plan.Steps, step => step is RolloutStep.DeleteService);
    }

    [Fact]
    public void Without_our_finalizer_there_is_nothing_to_do()
    {
        var world = Deleted();
        var deployment = world.Deployments["shop"];
        world.Deployments["shop"] = deployment with { Metadata = deployment.Metadata with { Finalizers = ["example.com/other"] } };
        Assert.Empty(Plan(world).Steps);
        Assert.Empty(Plan(world).StepsAfterStatus);
    }

    private static SmallWorld Deleted(params string[] finalizers)
    {
        var world = WorldOf(2);
        world.Settle();
        var deployment = world.Deployments["shop"];
        world.Deployments["shop"] = deployment with
        {
            Metadata = deployment.Metadata with
            {
                DeletionTimestamp = world.Now,
                Finalizers = [.. deployment.Metadata.Finalizers, .. finalizers]
            },
        };
        return world;
    }
}
