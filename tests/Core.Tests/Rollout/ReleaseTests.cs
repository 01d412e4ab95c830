using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.Core.Rollouts;
using static ModuleController.Core.Tests.Rollout.Releases;

namespace ModuleController.Core.Tests.Rollout;

/// <summary>Releases from their begin to their end.</summary>
public class ReleaseTests
{
    [Fact]
    public void A_first_release_goes_from_nothing_to_completed()
    {
        var world = WorldOf(3);
        world.Deployments["shop"] = world.Deployments["shop"] with
        {
            Metadata = world.Deployments["shop"].Metadata with { Finalizers = [] }
        };

        var first = Plan(world);
        Assert.Equal(["UpdateDeployment", "CreateReplicaSet"], first.Steps.Select(step => step.GetType().Name));
        Assert.Empty(first.StepsAfterStatus);
        Assert.Equal((ReleaseProgress.Init, Reasons.ReleaseProgressing),
            (first.Status!.ReleaseStatus!.Progress, Progressing(first.Status).Reason));
        world.StepRollout("shop");
        Assert.Equal([FinalizerNames.ModuleDeployment], world.Deployments["shop"].Metadata.Finalizers);

        // The status is planned to be written before the goal is set.
        var second = Plan(world);
        Assert.Equal(ReleaseProgress.Executing, second.Status!.ReleaseStatus!.Progress);
        Assert.Equal([("ScaleReplicaSet", 3)],
            second.StepsAfterStatus.Select(step => (step.GetType().Name, ((RolloutStep.ScaleReplicaSet)step).Replicas)));
        Assert.Equal([Reasons.BatchStarted], second.Events.Select(planned => planned.Reason));

        world.Settle();
        var status = world.Deployments["shop"].Status;
        Assert.Equal((3, 3, 3, 0, 3, 3, 3), (status.Replicas, status.ReadyReplicas, status.AvailableReplicas, status.UnavailableReplicas,
            status.UpdatedReplicas, status.UpdatedAvailableReplicas, status.ObservedReplicas));
        Assert.Equal(ReleaseProgress.Completed, status.ReleaseStatus!.Progress);
        Assert.Equal((Condition.True, Reasons.ReleaseCompleted), (Progressing(status).Status, Progressing(status).Reason));
        Assert.Equal((Condition.True, "3 of 3 modules are available"), (Available(status).Status, Available(status).Message));
        Assert.Equal("koupleless.io/module-deployment=shop", status.Selector);
        Assert.Equal(1, status.ObservedGeneration);
        var set = world.ReplicaSets.Values.Single();
        Assert.Contains(Annotations.CompletedAt, set.Metadata.Annotations.Keys);
        Assert.Contains(Annotations.FirstAvailableAt, set.Metadata.Annotations.Keys);
        Assert.Equal("1", set.Metadata.Labels[Labels.Revision]);
        Assert.Equal([Reasons.BatchStarted, Reasons.ReleaseCompleted], world.Events.Select(planned => planned.Reason));
        Assert.Equal(3, world.Modules.Count);
        AssertConverged(world);
    }

    [Fact]
    public void A_broken_version_leaves_the_old_one_serving_and_says_why()
    {
        var world = WorldOf(4);
        world.Settle();
        world.BrokenVersions.Add("2.0.0");
        Release(world, "2.0.0");
        var status = world.Deployments["shop"].Status;
        Assert.Equal((3, 1), (status.AvailableReplicas, status.UnavailableReplicas));
        var failure = status.Conditions.Find(DeploymentConditions.ReplicaFailure)!;
        Assert.Equal("BizStartFailed", failure.Reason);
        Assert.StartsWith("1 module failed; on base pod ", failure.Message, StringComparison.Ordinal);
        Assert.EndsWith("it broke", failure.Message, StringComparison.Ordinal);
        Assert.Contains(" 2.0.0: batch 1 of 1: 0 of 4 available, 1 failed (BizStartFailed); this artifact is not retried",
            Progressing(world).Message, StringComparison.Ordinal);
        Assert.Equal(ReleaseProgress.Executing, status.ReleaseStatus!.Progress);

        world.Now = world.Now.AddSeconds(600);
        world.Settle();
        Assert.Equal((Condition.False, Reasons.ProgressDeadlineExceeded), (Progressing(world).Status, Progressing(world).Reason));
        Assert.Equal(Reasons.ProgressDeadlineExceeded, world.Events.Last().Reason);

        Release(world, "3.0.0");
        Assert.Equal((4, ReleaseProgress.Completed),
            (world.Deployments["shop"].Status.AvailableReplicas, world.Deployments["shop"].Status.ReleaseStatus!.Progress));
        Assert.Null(world.Deployments["shop"].Status.Conditions.Find(DeploymentConditions.ReplicaFailure));
    }

    [Fact]
    public void A_completed_release_stays_completed_when_a_module_is_lost()
    {
        var world = WorldOf(3);
        world.Settle();
        world.Now = world.Now.AddSeconds(60);
        world.Settle();
        world.Modules.Remove(world.Modules.Keys.First());
        var plan = Plan(world);
        Assert.Equal((ReleaseProgress.Completed, 1), (plan.Status!.ReleaseStatus!.Progress, plan.Status.UnavailableReplicas));
        Assert.Empty(plan.Events);
        Assert.Null(plan.RequeueAt);
    }

    [Fact]
    public void A_symmetric_one_follows_its_base()
    {
        var world = WorldOf(2, replicas: -1);
        world.Settle();
        Assert.Equal((2, -1, 2),
            (world.Modules.Count, world.Deployments["shop"].Spec.Replicas, world.Deployments["shop"].Spec.ScaleReplicas));
        world.AddPod("base-7");
        world.AddPod("base-8");
        world.Settle();
        Assert.Equal((4, -1, 4),
            (world.Modules.Count, world.Deployments["shop"].Spec.Replicas, world.Deployments["shop"].Spec.ScaleReplicas));
        world.Pods.Remove("base-7");
        world.Settle();
        Assert.Equal((3, 3, -1),
            (world.Modules.Count, world.Deployments["shop"].Spec.ScaleReplicas, world.Deployments["shop"].Status.ObservedReplicas));
        AssertConverged(world);
    }

    [Fact]
    public void Scaling_to_nothing_and_back_completes()
    {
        var world = WorldOf(3);
        world.Settle();
        foreach (var replicas in (int[])[0, 2])
        {
            Change(world, spec => spec with { Replicas = replicas });
            world.Settle();
            Assert.Equal(replicas, world.Modules.Count);
            Assert.Equal(ReleaseProgress.Completed, world.Deployments["shop"].Status.ReleaseStatus!.Progress);
        }
    }

    [Fact]
    public void With_the_base_goes_what_names_it_as_its_owner()
    {
        var world = WorldOf(1);
        world.Settle();
        var deployment = world.Deployments["shop"];
        world.Deployments["shop"] = deployment with
        {
            Metadata = deployment.Metadata with { Annotations = new Dictionary<string, string> { [Annotations.DeleteWithBase] = "true" } },
        };
        world.Settle();
        Assert.Equal([("Deployment", "base", "uid-base")],
            world.Deployments["shop"].Metadata.OwnerReferences.Select(owner => (owner.Kind, owner.Name, owner.Uid)));
    }

    [Fact]
    public void What_v1_left_behind_is_removed()
    {
        var world = WorldOf(1);
        world.Settle();
        var deployment = world.Deployments["shop"];
        world.Deployments["shop"] = deployment with
        {
            Metadata = deployment.Metadata with
            {
                Finalizers = [.. deployment.Metadata.Finalizers, "koupleless.io/module-replicaset-existed"]
            },
        };
        var (name, set) = world.ReplicaSets.Single();
        world.ReplicaSets[name] = set with
        {
            Metadata = set.Metadata with { Finalizers = ["koupleless.io/module-existed", "example.com/other"] }
        };
        world.Settle();
        Assert.Equal([FinalizerNames.ModuleDeployment], world.Deployments["shop"].Metadata.Finalizers);
        Assert.Equal(["example.com/other"], world.ReplicaSets[name].Metadata.Finalizers);
    }
}
