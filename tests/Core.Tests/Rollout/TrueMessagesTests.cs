using ModuleController.Core.Agents;
using ModuleController.Core.Commands;
using ModuleController.Core.Execution;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.Core.Rollouts;
using ModuleController.Core.Tests.World;

namespace ModuleController.Core.Tests.Rollout;

/// <summary>Conditions and Events say what is the case, and no more.</summary>
public class TrueMessagesTests
{
    [Fact]
    public void A_completed_release_says_which_modules_found_no_base_pod()
    {
        const string Message = "shop 1.0.0: 3 of 5 available, 2 without a base pod: 0 of 3 base pods are eligible: 3 already have a "
            + "module of this name";
        var story = Story.Of(3, replicas: 5).Settle().Reports(Condition.True, Reasons.ReleaseCompleted, Message);

        Assert.StartsWith("shop 1.0.0: 3 of 5 modules are available, 2 without a base pod", Events(story, Reasons.ReleaseCompleted)
            .Single().Message, StringComparison.Ordinal);
        Assert.Equal((Message, true), Events(story, Reasons.NoEligibleBase).Select(planned => (planned.Message, planned.IsWarning)).Last());
        Assert.Equal((Reasons.NoEligibleBase, Message), ConditionOf(story, DeploymentConditions.Reconciling));

        story.World.Events.Clear();
        story.Pass(60).Settle();
        Assert.Empty(story.World.Events);
        story.AddPods(2).Settle().Reports(Condition.True, Reasons.ReleaseCompleted, "shop 1.0.0: 5 of 5 available");
    }

    [Fact]
    public void A_scale_down_that_is_held_is_not_completed()
    {
        var story = Story.Released(6).Scale(3);
        story.World.StepRollout(Story.Name);   // the goal is set
        var outage = new AgentOutage(4, 6, A.Time.AddMinutes(10));
        var held = RolloutPlanner.Plan(story.World.Rollout(story.Deployment) with { Outage = outage }, story.World.Now).Status!;

        var progressing = held.Conditions.Find(DeploymentConditions.Progressing)!;
        Assert.Equal((Condition.True, Reasons.ModulesBeingRemoved, $"shop 1.0.0: 3 of 3 available, 3 to be removed; {outage}"),
            (progressing.Status, progressing.Reason, progressing.Message));
        Assert.Equal("3 of 3 modules are available", held.Conditions.Find(DeploymentConditions.Available)!.Message);
        story.Settle().Reports(Condition.True, Reasons.ReleaseCompleted, "shop 1.0.0: 3 of 3 available");
    }

    [Fact]
    public void A_failure_that_is_not_retried_is_no_progress()
    {
        var story = Story.Released(4);
        story.World.BrokenVersions.Add("2.0.0");
        story.World.Events.Clear();
        story.Upgrade("2.0.0").Settle().Reports(Condition.False, Reasons.ModulesFailed,
            "shop 2.0.0: batch 1 of 1: 0 of 4 available, 4 failed (BizStartFailed); this artifact is not retried: correct it, or set "
                + "the annotation "
            + "koupleless.io/action to retry or undo");
        Assert.Equal(Reasons.ModulesFailed, ConditionOf(story, DeploymentConditions.Stalled).Reason);
        Assert.Single(Events(story, Reasons.ModulesFailed));

        story.World.BrokenVersions.Clear();
        story.Change(spec => spec with { Template = A.Template(Story.Name, "2.0.0", url: "http://jars/corrected.jar") })
            .Settle().Reports(Condition.True, Reasons.ReleaseCompleted, "shop 2.0.0: 4 of 4 available");
    }

    [Fact]
    public void What_waits_for_the_restart_of_a_pod_without_metaspace_is_named()
    {
        var story = Story.Released(4, policy: UpgradePolicy.UninstallThenInstall);
        foreach (var (pod, found) in story.World.Pods.ToList()) story.World.Pods[pod] = found with { CanFetch = true };
        var name = story.World.Pods.Keys.First();
        story.World.Pods[name] = story.World.Pods[name] with { IsOutOfMetaspace = true };
        story.Upgrade("2.0.0").Settle().Reports(Condition.True, Reasons.MetaspaceFull,
            $"shop 2.0.0: batch 1 of 1: 3 of 4 available, 1 waiting until the base restarts on pods that are out of Metaspace ({name})");
        Assert.Equal("1.0.0 x 1, 2.0.0 x 4", story.Versions);

        story.World.Pods[name] = story.World.Pods[name] with { IsOutOfMetaspace = false };
        story.Settle().Reports(Condition.True, Reasons.ReleaseCompleted, "shop 2.0.0: 4 of 4 available");
    }

    [Fact]
    public void A_failed_hook_is_what_has_to_be_corrected()
    {
        var story = Story.Released(2).Upgrade("2.0.0");
        story.World.BrokenVersions.Add("2.0.0");
        story.Settle();
        foreach (var (name, module) in story.World.Modules.Where(item => item.Value.Spec.Module.Version == "2.0.0").ToList())
            story.World.Modules[name] = module.Failed(FailureReason.HookFailed);
        story.World.StepRollout(Story.Name);
        story.Reports(Condition.False, Reasons.ModulesFailed, "shop 2.0.0: batch 1 of 1: 0 of 2 available, 2 failed (HookFailed); "
            + "the hook is not retried: correct it, and then set the annotation koupleless.io/action to retry, or to undo");
    }

    [Fact]
    public void A_failure_that_is_all_of_maxUnavailable_ends_the_progress_too()
    {
        var story = Story.Released(4, policy: UpgradePolicy.UninstallThenInstall);
        story.World.BrokenVersions.Add("2.0.0");
        story.Upgrade("2.0.0").Settle();
        Assert.Equal("1.0.0 x 3, 2.0.0 x 1", story.Versions);
        Assert.Equal((Condition.False, Reasons.ModulesFailed), (story.Progressing.Status, story.Progressing.Reason));
        Assert.StartsWith("shop 2.0.0: batch 1 of 1: 0 of 4 available, 1 failed (BizStartFailed); this artifact is not retried", story.Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_failure_that_is_retried_is_progress_until_the_deadline()
    {
        var story = Story.Released(2);
        story.Upgrade("2.0.0");
        story.World.Settle();
        foreach (var (name, module) in story.World.Modules.ToList()) story.World.Modules[name] = module.Failed(
            FailureReason.ArtifactUnreachable);
        story.World.Deployments[Story.Name] = story.Deployment with
        {
            Status = story.Status with
            {
                ReleaseStatus = story.Release with { Progress = ReleaseProgress.Executing, BatchProgress = ReleaseProgress.Executing }
            },
        };
        var plan = RolloutPlanner.Plan(story.World.Rollout(story.Deployment), story.World.Now);
        Assert.Equal((Condition.True, Reasons.ReleaseProgressing), Status(plan));
    }

    [Fact]
    public void Failed_modules_are_a_Warning_on_the_ModuleDeployment_with_reason_pod_and_count()
    {
        var story = Story.Released(2);
        story.World.BrokenVersions.Add("2.0.0");
        story.World.Events.Clear();
        story.Upgrade("2.0.0").Settle();

        var planned = Assert.Single(Events(story, nameof(FailureReason.BizStartFailed)));
        Assert.True(planned.IsWarning);
        Assert.Contains("failed; on base pod base-0", planned.Message, StringComparison.Ordinal);
        Assert.Equal("2 modules failed; on base pod base-01: it broke",
            story.Status.Conditions.Find(DeploymentConditions.ReplicaFailure)!.Message);
    }

    [Fact]
    public void A_deletion_that_begins_has_uninstalled_nothing_yet()
    {
        var story = Story.Released(3);
        story.World.Events.Clear();
        story.Delete().World.StepRollout(Story.Name);
        Assert.Equal("3 modules are left to be uninstalled", Events(story, Reasons.Terminating).Single().Message);

        var one = Story.Released(1).Delete();
        one.World.StepRollout(Story.Name);
        Assert.Equal("1 module is left to be uninstalled", Events(one, Reasons.Terminating).Single().Message);
    }

    [Fact]
    public void A_batch_names_its_share_of_a_revision_and_the_number_before_of_a_change_of_replicas()
    {
        var story = Story.Of(4, replicas: 2).Settle();
        Assert.Equal("batch 1 of 1: shop 1.0.0 for 2 of 2 modules", Events(story, Reasons.BatchStarted).Single().Message);
        story.World.Events.Clear();
        story.Upgrade("2.0.0").Settle();
        Assert.Equal("batch 1 of 1: shop 2.0.0 for 2 of 2 modules", Events(story, Reasons.BatchStarted).Single().Message);
        story.World.Events.Clear();
        story.Replicas(4).Settle();
        Assert.Equal("batch 1 of 1: 4 modules of shop 2.0.0, was 2", Events(story, Reasons.BatchStarted).Single().Message);
    }

    [Fact]
    public void For_a_base_that_does_not_exist_no_batch_starts()
    {
        var story = Story.Of(0, replicas: 1);
        story.World.StepRollout(Story.Name);
        for (var i = 0; i < 3; i++)
        {
            var plan = RolloutPlanner.Plan(story.World.Rollout(story.Deployment) with { Base = null }, story.World.Now);
            Assert.DoesNotContain(plan.Events, planned => planned.Reason == Reasons.BatchStarted);
            story.World.StepRollout(Story.Name);
        }
    }

    [Fact]
    public void One_is_singular()
    {
        var story = Story.Of(1).Settle();
        Assert.Equal("1 of 1 module is available", story.Status.Conditions.Find(DeploymentConditions.Available)!.Message);
        Assert.Equal("shop 1.0.0: 1 of 1 module is available", Events(story, Reasons.ReleaseCompleted).Single().Message);
    }

    private static List<PlannedEvent> Events(Story story, string reason) =>
        [.. story.World.Events.Where(planned => planned.Reason == reason)];

    private static (string?, string?) Status(RolloutPlan plan) =>
        plan.Status!.Conditions.Find(DeploymentConditions.Progressing) is { } condition ? (condition.Status, condition.Reason) : default;

    private static (string? Reason, string? Message) ConditionOf(Story story, string type) =>
        story.Status.Conditions.Find(type) is { } condition ? (condition.Reason, condition.Message) : default;
}
