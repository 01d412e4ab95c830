using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Facts;
using ModuleController.Core.Modules.Names;
using ModuleController.Core.Rollouts;
using ModuleController.Core.Tests.World;

namespace ModuleController.Core.Tests.Rollout;

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
    public void The_deadline_is_looked_at_when_it_is_due()
    {
        var world = WorldOf(3);
        world.StepRollout("shop");
        world.StepRollout("shop");
        Assert.Equal(A.Time.AddSeconds(600), Plan(world).RequeueAt);
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
    public void A_release_without_any_place_waits_and_its_clock_stands()
    {
        var world = WorldOf(2);
        foreach (var key in world.Pods.Keys.ToList()) world.Pods[key] = world.Pods[key] with { Refusal = "is not Ready" };
        world.Settle();
        Assert.Equal((Condition.Unknown, Reasons.NoEligibleBase), (Progressing(world).Status, Progressing(world).Reason));
        Assert.Equal("0 of 2 base pods are eligible: 2 are not Ready", Progressing(world).Message);
        world.Now = world.Now.AddHours(1);
        Assert.Equal(Condition.Unknown, Progressing(Plan(world).Status!).Status);

        foreach (var key in world.Pods.Keys.ToList()) world.Pods[key] = world.Pods[key] with { Refusal = null };
        world.Settle();
        Assert.Equal(Reasons.ReleaseCompleted, Progressing(world).Reason);
    }

    [Fact]
    public void One_without_a_place_does_not_hold_up_the_release()
    {
        var world = WorldOf(2, replicas: 3);
        world.Settle();
        var status = world.Deployments["shop"].Status;
        Assert.Equal((ReleaseProgress.Completed, 2, 1),
            (status.ReleaseStatus!.Progress, status.AvailableReplicas, status.UnavailableReplicas));
    }

    [Fact]
    public void The_gap_that_an_upgrade_would_leave_is_the_reason_it_waits_for()
    {
        var world = WorldOf(1);
        world.Settle();
        Release(world, "2.0.0");
        Assert.Equal(Reasons.WouldInterruptService, Progressing(world).Reason);
        Assert.Contains("maxUnavailable", Progressing(world).Message, StringComparison.Ordinal);
        Assert.Equal(1, world.Deployments["shop"].Status.AvailableReplicas);

        world.AddPod("base-9");
        world.Settle();
        Assert.Equal(("2.0.0", "base-9"), (world.Modules.Values.Single().Spec.Module.Version, world.Modules.Values.Single().Spec.PodName));
    }

    [Fact]
    public void A_batch_is_done_only_when_its_modules_served_for_min_ready_seconds()
    {
        var world = WorldOf(2);
        Change(world, spec => spec with { MinReadySeconds = 30 });
        world.Settle();
        var status = world.Deployments["shop"].Status;
        Assert.Equal((2, 0, ReleaseProgress.Executing), (status.ReadyReplicas, status.AvailableReplicas, status.ReleaseStatus!.Progress));
        Assert.Equal(A.Time.AddSeconds(30), Plan(world).RequeueAt);
        world.Now = world.Now.AddSeconds(30);
        world.Settle();
        Assert.Equal((2, ReleaseProgress.Completed),
            (world.Deployments["shop"].Status.AvailableReplicas, world.Deployments["shop"].Status.ReleaseStatus!.Progress));
    }

    [Fact]
    public void A_release_is_not_done_before_its_last_module_is_available()
    {
        var world = WorldOf(3);
        world.StepRollout("shop");
        world.StepRollout("shop");
        world.StepPlacement();
        foreach (var name in world.Modules.Keys.Take(2).ToList()) world.StepModule(name);
        Assert.Equal((2, ReleaseProgress.Executing),
            (Plan(world).Status!.UpdatedAvailableReplicas, Plan(world).Status!.ReleaseStatus!.Progress));
        world.StepModule(world.Modules.Keys.Last());
        Assert.Equal(ReleaseProgress.Completed, Plan(world).Status!.ReleaseStatus!.Progress);
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

    internal static SmallWorld WorldOf(int pods, UpgradePolicy policy = UpgradePolicy.UninstallThenInstall, int? replicas = null,
        int? limit = null)
    {
        var world = new SmallWorld();
        for (var i = 0; i < pods; i++) world.AddPod($"base-{i}");
        world.Deployments["shop"] = A.ModuleDeployment(replicas: replicas ?? pods).Policy(policy)
            .With(spec => spec with { RevisionHistoryLimit = limit });
        if (limit is 2) Change(world,
            spec => spec with { OperationStrategy = spec.OperationStrategy with { MaxUnavailable = new(1, false) } });
        return world;
    }

    internal static void Change(SmallWorld world, Func<ModuleDeploymentSpec, ModuleDeploymentSpec> change) =>
        world.Deployments["shop"] = world.Deployments["shop"].With(change);

    internal static void Release(SmallWorld world, string version)
    {
        world.Now = world.Now.AddSeconds(5);
        Change(world, spec => spec with { Template = A.Template("shop", version) });
        world.Settle();
    }

    internal static RolloutPlan Plan(SmallWorld world) => RolloutPlanner.Plan(world.Rollout(world.Deployments["shop"]), world.Now);

    internal static Condition Progressing(ModuleDeploymentStatus status) => status.Conditions.Find(DeploymentConditions.Progressing)!;

    private static Condition Progressing(SmallWorld world) => Progressing(world.Deployments["shop"].Status);

    private static Condition Available(ModuleDeploymentStatus status) => status.Conditions.Find(DeploymentConditions.Available)!;

    private static void AssertConverged(SmallWorld world)
    {
        var plan = Plan(world);
        Assert.Empty(plan.Steps);
        Assert.Empty(plan.StepsAfterStatus);
        Assert.Empty(plan.Events);
        Assert.Equal(ResourceText.Of(world.Deployments["shop"].Status), ResourceText.Of(plan.Status!));
    }
}
