using ModuleController.Core.Agents;
using ModuleController.Core.Commands;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.Core.Rollouts;
using ModuleController.Core.Tests.World;
using static ModuleController.Core.Tests.Rollout.Releases;

namespace ModuleController.Core.Tests.Rollout;

public class InspectionTests
{
    [Theory]
    [InlineData("shop", "shop2", UpgradePolicy.InstallThenUninstall)]
    [InlineData("shop", "shop", UpgradePolicy.UninstallThenInstall)]
    [InlineData("/shop", "shop/", UpgradePolicy.UninstallThenInstall)]
    [InlineData("/", "/", UpgradePolicy.InstallThenUninstall)]   // no web module: the root is the base's
    [InlineData(null, null, UpgradePolicy.InstallThenUninstall)]
    public void The_new_jars_context_path_decides(string? oldPath, string? newPath, UpgradePolicy expected)
    {
        var world = Unset();
        var asked = Ask(world, View(oldPath));
        Assert.Equal(("base-0", "life-1"), (asked.Pod.Name, asked.Command.BaseLife));
        var answered = Answer(View(oldPath), asked.Command, CommandOutcome.Succeeded, newPath);
        var plan = PlanWith(world, answered);
        Assert.Equal(expected.Text(), plan.Status!.ReleaseStatus!.UpgradePolicy);
        Assert.NotEmpty(plan.StepsAfterStatus);
        Assert.False(plan.AwaitsAgents);
    }

    [Theory]
    [InlineData("prices", "1.0.0", UpgradePolicy.InstallThenUninstall)]
    [InlineData("shop", "2.0.0", UpgradePolicy.InstallThenUninstall)]   // the new version itself, as after an abort
    [InlineData("shop", "0.9.0", UpgradePolicy.UninstallThenInstall)]
    public void The_path_of_an_older_version_of_the_module_alone_decides(string name, string version, UpgradePolicy expected)
    {
        var world = Unset();
        var view = View("old");
        view = view with { Biz = [.. view.Biz, new(name, version, BizState.Activated) { WebContextPath = "shop" }] };
        var answered = Answer(view, Ask(world, view).Command, CommandOutcome.Succeeded, "shop");
        Assert.Equal(expected.Text(), PlanWith(world, answered).Status!.ReleaseStatus!.UpgradePolicy);
    }

    [Theory]
    [InlineData(null, "shop", "uninstall_then_install")]
    [InlineData(null, null, "install_then_uninstall")]
    [InlineData(UpgradePolicy.InstallThenUninstall, "shop", "install_then_uninstall")]
    public void While_no_base_lists_the_old_version_its_path_may_be_that_of_the_new_one(
        UpgradePolicy? requested, string? newPath, string expected)
    {
        var world = Unset();
        if (requested is { } policy)
            Change(world, spec => spec with { OperationStrategy = new() { UpgradePolicy = policy.Text() } });
        // Its JVM has restarted: the old version is not installed again yet.
        var view = View("shop") with { Biz = [] };
        var answered = Answer(view, Ask(world, view).Command, CommandOutcome.Succeeded, newPath);
        Assert.Equal(expected, PlanWith(world, answered).Status!.ReleaseStatus!.UpgradePolicy);
    }

    [Fact]
    public void Nothing_is_scaled_before_the_policy_is_known()
    {
        var world = Unset();
        var plan = PlanWith(world, View("shop"));
        Assert.Empty(plan.StepsAfterStatus);
        Assert.True(plan.AwaitsAgents);
        Assert.Equal(Reasons.Inspecting, Progressing(plan.Status!).Reason);
    }

    [Fact]
    public void Scaling_goes_on_while_the_policy_is_not_known()
    {
        var world = Unset();
        Change(world, spec => spec with { Replicas = 1 });
        var scaled = Assert.IsType<RolloutStep.ScaleReplicaSet>(Assert.Single(PlanWith(world, View("shop")).StepsAfterStatus));
        Assert.Equal(("1.0.0", 1), (scaled.ReplicaSet.Spec.Template.Spec.Module.Version, scaled.Replicas));
    }

    [Fact]
    public void While_one_is_under_way_no_other_is_sent()
    {
        var world = Unset();
        var asked = Ask(world, View("shop"));
        Assert.DoesNotContain(PlanWith(world, View("shop") with { Sent = asked.Command.Id }).Steps, step => step is RolloutStep.Inspect);
        var running = View("shop") with { Running = [new(asked.Command.Id, "shop", "2.0.0", TimeSpan.FromSeconds(1))] };
        Assert.DoesNotContain(PlanWith(world, running).Steps, step => step is RolloutStep.Inspect);
    }

    [Fact]
    public void A_failed_one_is_reported_and_tried_again_later_with_the_next_attempt()
    {
        var world = Unset();
        var asked = Ask(world, View("shop"));
        var failed = Answer(View("shop"), asked.Command, CommandOutcome.Failed, null);
        var plan = PlanWith(world, failed);
        Assert.DoesNotContain(plan.Steps, step => step is RolloutStep.Inspect);
        Assert.Equal(Reasons.InspectionFailed, Progressing(plan.Status!).Reason);
        Assert.Contains("ArtifactNotFound: no such jar", Progressing(plan.Status!).Message, StringComparison.Ordinal);
        Assert.Equal(world.Now.AddSeconds(5), plan.RequeueAt);

        world.Now = world.Now.AddSeconds(5);
        Assert.Equal(asked.Command.Attempt + 1, Ask(world, failed).Command.Attempt);
    }

    [Fact]
    public void One_that_fails_until_the_deadline_exceeds_it_and_goes_on()
    {
        var world = Unset();
        var asked = Ask(world, View("shop"));
        var failed = Answer(View("shop"), asked.Command, CommandOutcome.Failed, null);
        var deployment = world.Deployments["shop"];
        world.Deployments["shop"] = deployment with { Status = PlanWith(world, failed).Status! };
        world.Now = world.Now.AddSeconds(600);
        var plan = PlanWith(world, failed);
        var progressing = Progressing(plan.Status!);
        Assert.Equal((Condition.False, Reasons.ProgressDeadlineExceeded), (progressing.Status, progressing.Reason));
        Assert.StartsWith("no progress for 600 s; ", progressing.Message, StringComparison.Ordinal);
        Assert.Contains("ArtifactNotFound: no such jar", progressing.Message, StringComparison.Ordinal);
        Assert.Contains(plan.Steps, step => step is RolloutStep.Inspect);
    }

    [Fact]
    public void A_corrected_url_is_asked_about_at_once_and_never_answered_by_the_old_answer()
    {
        var world = Unset();
        var asked = Ask(world, View("shop"));
        var failed = Answer(View("shop"), asked.Command, CommandOutcome.Failed, null);
        Change(world, spec => spec with { Template = A.Template("shop", "2.0.0", url: "http://jars/right.jar") });
        Assert.NotInRange(Ask(world, failed).Command.Attempt, asked.Command.Attempt, asked.Command.Attempt + 999);
    }

    [Fact]
    public void After_a_reconnect_the_journals_attempt_counts_and_its_pause()
    {
        var world = Unset();
        var asked = Ask(world, View("shop"));
        var failed = asked.Command with { Attempt = asked.Command.Attempt + 3 };
        var view = View("shop") with { Attempts = [new(failed.Id, CommandOutcome.Failed, FailureReason.ArtifactNotFound, world.Now)] };
        var plan = PlanWith(world, view);
        Assert.DoesNotContain(plan.Steps, step => step is RolloutStep.Inspect);
        Assert.Equal(Reasons.InspectionFailed, Progressing(plan.Status!).Reason);
        Assert.Contains("ArtifactNotFound", Progressing(plan.Status!).Message, StringComparison.Ordinal);
        Assert.Equal(world.Now.AddSeconds(40), plan.RequeueAt);

        world.Now = world.Now.AddSeconds(40);
        Assert.Equal(failed.Attempt + 1, Ask(world, view).Command.Attempt);
    }

    [Fact]
    public void An_answer_that_was_lost_is_asked_for_and_the_jar_not_read_again()
    {
        var world = Unset();
        var asked = Ask(world, View("shop"));
        var found = asked.Command with { Attempt = asked.Command.Attempt + 2 };
        var view = View("shop") with { Attempts = [new(found.Id, CommandOutcome.Succeeded, null, world.Now)] };
        Assert.Equal(found, Ask(world, view).Command);

        var answered = Answer(view, found, CommandOutcome.Succeeded, "other");
        Assert.Equal("install_then_uninstall", PlanWith(world, answered).Status!.ReleaseStatus!.UpgradePolicy);

        // An agent that answers without saying what it found is not asked in a circle.
        var empty = Answer(view, found, CommandOutcome.Succeeded, "other");
        empty = empty with
        {
            Answers = empty.Answers.ToDictionary(pair => pair.Key, pair => pair.Value with { Artifact = null, ReceivedAt = world.Now })
        };
        Assert.DoesNotContain(PlanWith(world, empty).Steps, step => step is RolloutStep.Inspect);
    }

    [Fact]
    public void When_all_numbers_of_a_source_are_used_up_it_goes_on_asking_slowly()
    {
        var world = Unset();
        // Nothing else is to be looked at again: the old revision has lived.
        foreach (var (name, set) in world.ReplicaSets.ToList())
            world.ReplicaSets[name] = set with
            {
                Metadata = set.Metadata with
                {
                    Annotations = new Dictionary<string,
                    string>(set.Metadata.Annotations)
                    { [Annotations.LivedAt] = "long ago" }
                },
            };
        var asked = Ask(world, View("shop"));
        var last = asked.Command with { Attempt = asked.Command.Attempt + Inspection.AttemptsPerSource - 1 };
        var failed = Answer(View("shop"), last, CommandOutcome.Failed, null);
        Assert.Equal(A.Time.AddSeconds(300), PlanWith(world, failed).RequeueAt);
        world.Now = A.Time.AddSeconds(300);
        Assert.Equal(last, Ask(world, failed).Command);
    }

    [Fact]
    public void A_choice_that_was_made_stays_without_asking_again()
    {
        var world = Unset();
        var asked = Ask(world, View("shop"));
        var deployment = world.Deployments["shop"];
        world.Deployments["shop"] = deployment with
        {
            Status = PlanWith(world, Answer(View("shop"), asked.Command, CommandOutcome.Succeeded, "other")).Status!
        };
        var plan = PlanWith(world, View("shop"));
        Assert.DoesNotContain(plan.Steps, step => step is RolloutStep.Inspect);
        Assert.NotEmpty(plan.StepsAfterStatus);
    }

    [Fact]
    public void Redeploying_and_a_first_release_need_no_inspection()
    {
        var world = WorldOf(2);
        Change(world, spec => spec with { OperationStrategy = new() });
        world.Settle();
        Assert.Null(world.Deployments["shop"].Status.ReleaseStatus!.UpgradePolicy);
        Change(world, spec => spec with { Template = A.Template("shop", "1.0.0", redeployAt: "noon") });
        world.Settle();
        Assert.Equal("uninstall_then_install", world.Deployments["shop"].Status.ReleaseStatus!.UpgradePolicy);
        Assert.Equal(2, world.Deployments["shop"].Status.UpdatedAvailableReplicas);
    }

    [Fact]
    public void Under_a_policy_it_is_sent_with_it_to_an_agent_that_enforces_it()
    {
        var world = Unset();
        world.ArtifactPolicy = new() { MaxBytes = 1 };
        (ObjectKey, string, BaseView)[] carriers =
            [(new("test", "base-0"), "u00001", View("a")), (new("test", "base-1"), "u00002", View("a") with { EnforcesPolicy = true })];
        var plan = RolloutPlanner.Plan(world.Rollout(world.Deployments["shop"]) with { Carriers = carriers }, world.Now);
        var asked = Assert.Single(plan.Steps.OfType<RolloutStep.Inspect>());
        Assert.Equal(("base-1", world.ArtifactPolicy), (asked.Pod.Name, asked.Command.Policy));
    }

    private static SmallWorld Unset()
    {
        var world = WorldOf(3);
        Change(world, spec => spec with { OperationStrategy = new() });
        world.Settle();
        Change(world, spec => spec with { Template = A.Template("shop", "2.0.0") });
        world.StepRollout("shop");   // makes the new ReplicaSet
        return world;
    }

    private static RolloutStep.Inspect Ask(SmallWorld world, BaseView view) =>
        Assert.Single(PlanWith(world, view).Steps.OfType<RolloutStep.Inspect>());

    private static RolloutPlan PlanWith(SmallWorld world, BaseView view) => RolloutPlanner.Plan(
        world.Rollout(world.Deployments["shop"]) with { Carriers = [(new("test", "base-0"), "u00001", view)] }, world.Now);

    private static BaseView View(string? path) => new()
    {
        IsConnected = true,
        LastMessageAt = A.Time,
        State = BaseState.Up,
        Life = new("life-1", A.Time),
        IsBizKnown = true,
        Biz = [new("shop", "1.0.0", BizState.Activated) { WebContextPath = path }],
    };

    private static BaseView Answer(BaseView view, ModuleCommand command, CommandOutcome outcome, string? path) => view with
    {
        Answers = new Dictionary<string, CommandAnswer>
        {
            [command.Id] = new(command.Id, outcome, outcome == CommandOutcome.Succeeded
                ? null : FailureReason.ArtifactNotFound, null, "no such jar", "life-1", A.Time)
            {
                Artifact = outcome == CommandOutcome.Succeeded ? new("shop", "2.0.0", path, null) : null,
            },
        },
    };
}
