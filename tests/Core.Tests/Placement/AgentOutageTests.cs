using ModuleController.Core.Agents;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.Core.Placement;
using ModuleController.Core.Rollouts;
using ModuleController.Core.Tests.World;
using static ModuleController.Core.Tests.Placement.States;

namespace ModuleController.Core.Tests.Placement;

/// <summary>Most agents of a base disconnect at once: nothing disruptive follows.</summary>
public class AgentOutageTests
{
    private static readonly AgentOutage Outage = new(4, 6, A.Time.AddMinutes(10));

    [Theory]
    // seconds since each was last heard, - for one that is connected -> seconds that are left of ten minutes
    [InlineData("- - 40 40 40", 560)]
    [InlineData("- - - 40 40", null)]          // not more than half
    [InlineData("- - 40 55 70", 560)]          // within 30 s
    [InlineData("- - 40 55 71", null)]         // one by one
    [InlineData("40 40 40 40", null)]          // a base with few agents
    [InlineData("- - 599 599 599", 1)]
    [InlineData("- - 600 600 600", null)]      // long enough
    [InlineData("- - - 40 40 41", null)]       // half is not over half
    [InlineData("- - 40 40 40 41", 560)]
    [InlineData("- 20 40 40 40", 560)]         // one that follows moves no end
    [InlineData("20 25 35 40 40", 565)]
    [InlineData("- 5 300 301 302", 300)]       // a straggler prolongs nothing
    [InlineData("- 100 101 102 500", 500)]     // nor does one that was gone before
    public void Over_half_within_thirty_seconds_count_for_ten_minutes(string heard, int? left)
    {
        var agents = heard.Split(' ').Select(text => new AgentPresence(
            text == "-" ? null : A.Time.AddSeconds(-int.Parse(text, System.Globalization.CultureInfo.InvariantCulture)))).ToList();
        Assert.Equal(left, (AgentOutage.Of(agents, AgentOutageRule.Default, A.Time)?.Until - A.Time)?.TotalSeconds);
    }

    [Fact]
    public void Nothing_that_serves_is_replaced_removed_or_upgraded()
    {
        var deployment = A.ModuleDeployment(replicas: 4);
        var after = deployment.With(spec => spec with { Template = A.Template("shop", "2.0.0") })
            .InForce(UpgradePolicy.UninstallThenInstall);
        var (old, @new) = (A.ReplicaSet(deployment, 0), A.ReplicaSet(after, 4, revision: 2));
        var modules = Enumerable.Range(0, 4).Select(i => A.Module(old, i, $"base-{i}")).ToArray();
        var upgrade = State(Pods(4), Group(after, (old, modules), (@new, []))) with { Outage = Outage };
        Assert.Empty(Steps(upgrade));
        Assert.Single(Deleted(upgrade with { Outage = null }));

        var lower = A.ReplicaSet(deployment, 2);
        Assert.Empty(
            Steps(State(Pods(4),
            Group(deployment, (lower, [.. Enumerable.Range(0, 4).Select(i => A.Module(lower, i, $"base-{i}"))]))) with
            {
                Outage = Outage
            }));

        var kept = A.ReplicaSet(deployment, 1);
        CandidatePod[] lost = [A.Pod("base-0") with { IsPastGrace = true, Refusal = "is not Ready" }, A.Pod("base-1")];
        Assert.Empty(Steps(State(lost, Group(deployment, (kept, [A.Module(kept, 0, "base-0")]))) with { Outage = Outage }));
    }

    [Fact]
    public void An_upgrade_in_mid_air_waits_with_both_versions()
    {
        var deployment = A.ModuleDeployment(replicas: 1);
        var after = deployment.With(spec => spec with { Template = A.Template("shop", "2.0.0") })
            .InForce(UpgradePolicy.InstallThenUninstall);
        var (old, @new) = (A.ReplicaSet(deployment, 0), A.ReplicaSet(after, 1, revision: 2));
        var group = Group(after, (old, [A.Module(old, 0, "base-0")]),
            (@new, [A.Module(@new, 0, "base-0", replaces: $"uid-{Name(old, 0)}")]));
        Assert.Empty(Steps(State(Pods(1), group) with { Outage = Outage }));
        Assert.Equal([Name(old, 0)], Deleted(State(Pods(1), group)));
    }

    [Fact]
    public void What_is_gone_is_replaced_what_is_missing_is_made_and_what_a_user_deletes_goes()
    {
        var deployment = A.ModuleDeployment(replicas: 2);
        var set = A.ReplicaSet(deployment, 2);
        Assert.Equal(
            [$"delete {Name(set, 1)}: its base pod no longer exists", $"create {Name(set, 2)} on base-1 for -"],
            Steps(State(Pods(3),
                Group(deployment, (set, [A.Module(set, 0, "base-0"), A.Module(set, 1, "lost")]))) with
            { Outage = Outage }));

        var labelled = A.Module(set, 0, "base-0");
        labelled = labelled with
        {
            Metadata = labelled.Metadata with { Labels = new Dictionary<string, string> { [Labels.DeleteModule] = "" } }
        };
        var lowered = deployment with
        {
            Metadata = deployment.Metadata with
            {
                Annotations = new Dictionary<string,
                string>
                { [Annotations.DeletedModules] = labelled.Metadata.Uid! }
            },
        };
        Assert.Equal([Name(set, 0)],
            Deleted(State(Pods(3),
            Group(lowered, (A.ReplicaSet(deployment, 1), [labelled, A.Module(set, 1, "base-1")]))) with
            { Outage = Outage }));

        var leaving = deployment with { Metadata = deployment.Metadata with { DeletionTimestamp = A.Time } };
        Assert.Equal([Name(set, 0)],
            Deleted(State(Pods(3), Group(leaving, (A.ReplicaSet(deployment, 0), [A.Module(set, 0, "base-0")]))) with { Outage = Outage }));
    }

    [Fact]
    public void A_release_begins_no_batch_and_says_why()
    {
        var world = new SmallWorld();
        for (var i = 0; i < 4; i++) world.AddPod($"base-{i}");
        world.Deployments["shop"] = A.ModuleDeployment(replicas: 4).Policy(UpgradePolicy.UninstallThenInstall);
        world.Settle();
        world.Now = world.Now.AddSeconds(60);
        world.Settle();
        world.Deployments["shop"] = world.Deployments["shop"].With(spec => spec with { Template = A.Template("shop", "2.0.0") });
        world.StepRollout("shop");
        var plan = RolloutPlanner.Plan(world.Rollout(world.Deployments["shop"]) with { Outage = Outage }, world.Now);
        Assert.Empty(plan.StepsAfterStatus.OfType<RolloutStep.ScaleReplicaSet>());
        var reported = plan.Status!.Conditions.Single(condition => condition.Type == DeploymentConditions.Progressing);
        Assert.Equal(("Unknown", Reasons.AgentsVanished), (reported.Status, reported.Reason));
        Assert.True(plan.AwaitsAgents);
        Assert.Equal(Outage.Until, plan.RequeueAt);
        world.Settle();
        Assert.All(world.Modules.Values, module => Assert.Equal("2.0.0", module.Spec.Module.Version));
    }
}
