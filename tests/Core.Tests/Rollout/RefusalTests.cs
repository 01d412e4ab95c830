using ModuleController.Core.Meta;
using ModuleController.Core.Modules.Facts;
using ModuleController.Core.Modules.Names;
using ModuleController.Core.Rollouts;
using ModuleController.Core.Tests.World;
using static ModuleController.Core.Tests.Rollout.Releases;

namespace ModuleController.Core.Tests.Rollout;

public class RefusalTests
{
    [Fact]
    public void An_object_that_breaks_a_rule_is_reported_once_and_left_alone()
    {
        var world = WorldOf(1);
        Change(world, spec => spec with { BaseDeploymentName = "" });
        var plan = Plan(world);
        Assert.Empty(plan.Steps);
        Assert.Equal((Condition.False, Reasons.InvalidSpec), (Progressing(plan.Status!).Status, Progressing(plan.Status!).Reason));
        Assert.Equal("spec.baseDeploymentName: is required", Progressing(plan.Status!).Message);
        Assert.True(Assert.Single(plan.Events).IsWarning);
        world.StepRollout("shop");
        Assert.Empty(Plan(world).Events);
    }

    [Fact]
    public void The_younger_of_two_with_one_module_name_waits_for_the_older_to_go()
    {
        var older = A.ModuleDeployment();
        var younger = older with
        {
            Metadata = older.Metadata with { Name = "late", Uid = "uid-late", CreationTimestamp = A.Time.AddSeconds(1) }
        };
        Assert.Null(ModuleConflicts.Of(older, [older, younger]));
        Assert.Equal("shop", ModuleConflicts.Of(younger, [older, younger])!.Metadata.Name);

        var plan = RolloutPlanner.Plan(new() { Deployment = younger, ConflictsWith = "shop" }, A.Time);
        Assert.Empty(plan.Steps);
        Assert.Equal(Reasons.ModuleNameConflict, Progressing(plan.Status!).Reason);
        Assert.Contains("shop", Progressing(plan.Status!).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Of_two_made_in_one_second_the_one_that_has_begun_stays()
    {
        var begun = A.ModuleDeployment();
        var other = begun with { Metadata = begun.Metadata with { Name = "other", Uid = "a-lower-uid", Finalizers = [] } };
        Assert.Null(ModuleConflicts.Of(begun, [begun, other]));
        Assert.Equal("shop", ModuleConflicts.Of(other, [begun, other])!.Metadata.Name);
    }

    [Fact]
    public void A_base_that_is_missing_is_said_so_and_one_that_appears_is_used()
    {
        var world = WorldOf(0, replicas: 1);
        var missing = RolloutPlanner.Plan(world.Rollout(world.Deployments["shop"]) with { Base = null }, world.Now);
        Assert.Equal((Condition.False, Reasons.BaseNotFound), (Progressing(missing.Status!).Status, Progressing(missing.Status!).Reason));
        Assert.Equal("there is no Deployment base in namespace test", Progressing(missing.Status!).Message);
        world.AddPod("base-0");
        world.Settle();
        Assert.Equal(Reasons.ReleaseCompleted, Progressing(world.Deployments["shop"].Status).Reason);
    }

    [Fact]
    public void Replicas_that_are_not_set_count_as_none_with_a_warning()
    {
        var world = WorldOf(1);
        Change(world, spec => spec with { Replicas = null, ScaleReplicas = null });
        world.Settle();
        Assert.Empty(world.Modules);
        Assert.Contains(world.Events, planned => planned.Reason == Reasons.ReplicasUnset && planned.IsWarning);
        Assert.Equal((0, 0), (world.Deployments["shop"].Spec.Replicas, world.Deployments["shop"].Spec.ScaleReplicas));
    }

    [Fact]
    public void Scaling_what_follows_its_base_is_ignored_with_a_warning()
    {
        var world = WorldOf(2, replicas: -1);
        world.Settle();
        world.Events.Clear();
        Change(world, spec => spec with { ScaleReplicas = 7 });
        world.Settle();
        Assert.Equal((2, -1, 2),
            (world.Modules.Count, world.Deployments["shop"].Spec.Replicas, world.Deployments["shop"].Spec.ScaleReplicas));
        Assert.Equal([Reasons.ScaleIgnored], world.Events.Select(planned => planned.Reason));
    }

    [Fact]
    public void In_a_terminating_namespace_nothing_is_made_and_nothing_said()
    {
        var world = WorldOf(1);
        var plan = RolloutPlanner.Plan(world.Rollout(world.Deployments["shop"]) with { IsNamespaceTerminating = true }, world.Now);
        Assert.Empty(plan.Steps);
        Assert.Empty(plan.Events);
        Assert.Null(plan.Status);
    }
}
