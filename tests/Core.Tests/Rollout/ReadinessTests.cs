using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.Core.Rollouts;
using ModuleController.Core.Tests.World;

namespace ModuleController.Core.Tests.Rollout;

/// <summary>Ready, Reconciling and Stalled: what Flux, Argo CD and <c>kubectl wait</c> read.</summary>
public class ReadinessTests
{
    private static Func<OperationStrategy, OperationStrategy> InTwo => strategy => strategy with { BatchCount = 2 };

    public static TheoryData<string, string, string, string> States => new()
    {
        { "complete and available", "Ready", Reasons.ReleaseCompleted, "shop 1.0.0: 4 of 4 available" },
        { "scaled to none", "Ready", Reasons.ReleaseCompleted, "shop 1.0.0: 0 of 0 available" },
        { "observed for the first time", "Reconciling", Reasons.ReleaseProgressing, "shop 1.0.0: batch 1 of 1: 0 of 4 available" },
        { "inspecting the new jar", "Reconciling", Reasons.Inspecting, "" },
        { "in a batch", "Reconciling", Reasons.ReleaseProgressing, "shop 2.0.0: batch 1 of 1: 0 of 4 available" },
        { "waiting for a confirmation", "Reconciling", Reasons.WaitingForConfirmation,
            "shop 2.0.0: batch 1 of 2: 2 of 4 available, waiting for confirmation of batch 1" },
        { "in gray time", "Reconciling", Reasons.GrayTime, "shop 2.0.0: batch 1 of 2: 2 of 4 available, the next batch begins at" },
        { "paused", "Reconciling", Reasons.Paused, "shop 2.0.0: batch 1 of 1: 0 of 4 available, paused" },
        { "frozen", "Reconciling", Reasons.Frozen, "shop 2.0.0: batch 1 of 1: 0 of 4 available, namespace test is frozen by ops: audit" },
        { "without a place", "Reconciling", Reasons.NoEligibleBase, "" },
        { "without a place once completed", "Reconciling", Reasons.NoEligibleBase,
            "shop 1.0.0: 4 of 6 available, 2 without a base pod: 0 of 4 base pods are eligible: " },
        { "without a base", "Reconciling", Reasons.BaseNotFound, "there is no Deployment base in namespace test" },
        { "modules lost once completed", "Reconciling", Reasons.ModulesUnavailable, "shop 1.0.0: 2 of 4 available" },
        { "scaled up", "Reconciling", Reasons.ModulesUnavailable, "shop 1.0.0: 4 of 6 available" },
        { "scaled down", "Reconciling", Reasons.ModulesBeingRemoved, "shop 1.0.0: 1 of 1 available, 3 to be removed" },
        { "failing before the deadline", "Stalled", Reasons.ModulesFailed,
            "shop 2.0.0: batch 1 of 1: 0 of 4 available, 4 failed (BizStartFailed); this artifact is not retried: correct it" },
        { "being deleted", "Reconciling", Reasons.Terminating, "4 modules are left to be uninstalled" },
        { "aborted by hand", "Stalled", Reasons.Aborted, "shop 2.0.0: batch 1 of 2: 2 of 4 available, aborted: " },
        { "aborted by failures", "Stalled", Reasons.MaxFailuresExceeded,
            "shop 2.0.0: batch 1 of 1: 0 of 4 available, 4 failed (BizStartFailed), aborted: " },
        { "rolled back", "Stalled", Reasons.RolledBack,
            "shop 2.0.0 was given up (4 failed (BizStartFailed), more than maxFailures (1)): 4 of 4 available in 1.0.0" },
        { "past the deadline", "Stalled", Reasons.ProgressDeadlineExceeded,
            "no progress for 600 s; shop 2.0.0: batch 1 of 1: 0 of 4 available, 4 failed (BizStartFailed)" },
        { "a web context path that is taken", "Stalled", Reasons.WebContextPathConflict, "" },
        { "an invalid spec", "Stalled", Reasons.InvalidSpec, "spec.baseDeploymentName: is required" },
        { "a module name of another", "Stalled", Reasons.ModuleNameConflict,
            "module shop on base base belongs to the older ModuleDeployment older" },
        { "a rejected write", "Stalled", Reasons.WriteRejected, "403 Forbidden: services \"shop-service\" is forbidden" },
    };

    [Theory, MemberData(nameof(States))]
    public void Each_state_is_current_in_progress_or_failed(string state, string type, string reason, string message)
    {
        var deployment = In(state);
        Check(deployment.Status, type, reason, message, deployment.Metadata.Generation);
    }

    [Theory]
    [InlineData(4, 4, Condition.True, Reasons.MinimumAvailable)]
    [InlineData(3, 4, Condition.True, Reasons.MinimumAvailable)]       // 25 % may be unavailable
    [InlineData(2, 4, Condition.False, Reasons.MinimumUnavailable)]
    [InlineData(0, 1, Condition.False, Reasons.MinimumUnavailable)]    // one may be unavailable, but none serves
    [InlineData(1, 0, Condition.True, Reasons.MinimumAvailable)]
    public void Available_allows_as_many_to_be_missing_as_maxUnavailable(int pods, int replicas, string status, string reason)
    {
        var available = Story.Of(pods, replicas: replicas).Settle().Status.Conditions.Find(DeploymentConditions.Available)!;
        Assert.Equal((status, reason), (available.Status, available.Reason));
    }

    [Fact]
    public void The_transition_time_is_of_the_status_and_not_of_the_message()
    {
        var story = Story.Released(4, strategy: InTwo);
        var since = Ready(story).LastTransitionTime;
        story.Pass(60).Scale(4).Settle();
        Assert.Equal(since, Ready(story).LastTransitionTime);
        story.World.BrokenVersions.Add("2.0.0");
        story.Pass(60).Upgrade("2.0.0").Settle();
        Assert.Equal((Condition.False, since!.Value.AddSeconds(120)), (Ready(story).Status, Ready(story).LastTransitionTime!.Value));
        story.Pass(601).Settle();
        Assert.Equal((Reasons.ProgressDeadlineExceeded, since.Value.AddSeconds(120)),
            (Ready(story).Reason, Ready(story).LastTransitionTime!.Value));
        Assert.Equal(since.Value.AddSeconds(120), story.Status.Conditions.Find(DeploymentConditions.Stalled)!.LastTransitionTime);
        story.Upgrade("1.0.0").Settle();
        Check(story.Status, "Ready", Reasons.ReleaseCompleted, "shop 1.0.0: 4 of 4 available", story.Deployment.Metadata.Generation);
    }

    [Fact]
    public void A_write_that_is_rejected_changes_the_readiness_alone()
    {
        var before = Story.Released(2).Deployment;
        var after = Readiness.Rejected(before, "422 Invalid: no", A.Time.AddSeconds(9));
        Check(after, "Stalled", Reasons.WriteRejected, "422 Invalid: no", before.Metadata.Generation);
        Assert.Equal(ResourceText.Of(before.Status), ResourceText.Of(after with { Conditions = before.Status.Conditions }));
        Assert.Equal(before.Status.Conditions.Find(DeploymentConditions.Progressing),
            after.Conditions.Find(DeploymentConditions.Progressing));
    }

    /// <summary>A ModuleDeployment in one of the states, with the status that is planned for it.</summary>
    internal static ModuleDeployment In(string state)
    {
        var story = state is "observed for the first time" ? Story.Of(4) : Story.Released(4);
        switch (state)
        {
            case "complete and available" or "observed for the first time": break;
            case "scaled to none": story.Replicas(0).Settle(); break;
            case "inspecting the new jar": story.Upgrade("2.0.0"); break;
            case "in a batch":
                story.Strategy(strategy => strategy with { UpgradePolicy = "uninstall_then_install" })
                .Upgrade("2.0.0"); break;
            case "waiting for a confirmation":
                story.Strategy(strategy => InTwo(strategy) with { NeedConfirm = true }).Upgrade("2.0.0")
                .Settle(); break;
            case "in gray time":
                story.Strategy(strategy => InTwo(strategy) with { GrayTimeBetweenBatchSeconds = 60 }).Upgrade("2.0.0")
                .Settle(); break;
            case "paused": story.Pause().Upgrade("2.0.0").Settle(); break;
            case "frozen": story.Freeze("audit").Upgrade("2.0.0").Settle(); break;
            case "without a place": story.Replicas(6).Settle(); break;
            case "without a place once completed": story.Scale(6).Settle(); break;
            case "modules lost once completed": story.LosePods(2); break;
            case "scaled up": story.Scale(6); break;
            case "scaled down": story.Scale(1); break;
            case "being deleted": story.Delete(); break;
            case "aborted by hand":
                story.Strategy(strategy => InTwo(strategy) with { NeedConfirm = true }).Upgrade("2.0.0").Settle().Act("abort").Settle();
                break;
            case "a web context path that is taken":
                story.World.SharePath = true;
                story.Strategy(strategy => strategy with { UpgradePolicy = "install_then_uninstall" }).Upgrade("2.0.0").Settle();
                break;
            case "an invalid spec": story.Change(spec => spec with { BaseDeploymentName = "" }); break;
            case "failing before the deadline" or "past the deadline" or "aborted by failures" or "rolled back":
                story.World.BrokenVersions.Add("2.0.0");
                if (state is "aborted by failures" or "rolled back")
                    story.Strategy(strategy =>
                        strategy with { MaxUnavailable = new(2, false), MaxFailures = 1, AutoRollback = state == "rolled back" });
                story.Upgrade("2.0.0").Settle();
                if (state == "past the deadline") story.Pass(601);
                break;
        }

        var known = story.World.Rollout(story.Deployment);
        var plan = RolloutPlanner.Plan(state switch
        {
            "without a base" => known with { Base = null },
            "a module name of another" => known with { ConflictsWith = "older" },
            "a rejected write" => known with { RejectedWrite = "403 Forbidden: services \"shop-service\" is forbidden" },
            _ => known,
        }, story.World.Now);
        return story.Deployment with { Status = plan.Status! };
    }

    private static void Check(ModuleDeploymentStatus status, string type, string reason, string message, long? generation)
    {
        var conditions = status.Conditions.Where(condition => condition.Type is "Ready" or "Reconciling" or "Stalled").ToList();
        string[] types = type == "Ready" ? ["Ready=True"] : ["Ready=False", $"{type}=True"];
        Assert.Equal(types, conditions.Select(condition => $"{condition.Type}={condition.Status}").Order(StringComparer.Ordinal));
        Assert.All(conditions, condition =>
        {
            Assert.Equal((reason, generation), (condition.Reason, condition.ObservedGeneration));
            Assert.StartsWith(message, condition.Message, StringComparison.Ordinal);
            Assert.NotEqual("", condition.Message);
            Assert.NotNull(condition.LastTransitionTime);
        });
        Assert.Equal(status.Conditions.Count, status.Conditions.Select(condition => condition.Type).Distinct().Count());
    }

    private static Condition Ready(Story story) => story.Status.Conditions.Find(DeploymentConditions.Ready)!;
}
