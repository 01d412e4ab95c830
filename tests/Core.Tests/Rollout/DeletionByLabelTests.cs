using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Facts;
using ModuleController.Core.Modules.Names;
using ModuleController.Core.Rollouts;
using ModuleController.Core.Tests.World;

namespace ModuleController.Core.Tests.Rollout;

/// <summary>Modules that a user deletes by label.</summary>
public class DeletionByLabelTests
{
    private readonly SmallWorld _world = new();

    public DeletionByLabelTests()
    {
        for (var i = 0; i < 4; i++) _world.AddPod($"base-{i}");
        _world.Deployments["shop"] = A.ModuleDeployment(replicas: 3);
        _world.Settle();
    }

    private ModuleDeployment Shop => _world.Deployments["shop"];

    private string Recorded => Shop.Metadata.Annotations.GetValueOrDefault(Annotations.DeletedModules, "");

    [Theory]
    [InlineData(Labels.DeleteModule)]
    [InlineData(Labels.DeleteModuleDirectly)]
    public void It_goes_and_replicas_are_lowered_by_one_and_nothing_takes_its_place(string label)
    {
        var (name, uid) = Label(1, label);
        var others = _world.Modules.Keys.Where(other => other != name).ToList();
        _world.Settle();
        Assert.Equal(others, _world.Modules.Keys);
        Assert.Equal((2, 2, 2), (Shop.Spec.Replicas, Shop.Spec.ScaleReplicas, Shop.Status.ObservedReplicas));
        Assert.Equal(uid, Recorded);
        Assert.Equal(3, _world.Log.Count(step => step.StartsWith("create", StringComparison.Ordinal)));
        Assert.Single(_world.Events, planned => planned.Reason == Reasons.DeletedByLabel);
    }

    [Fact]
    public void Lowering_and_recording_are_one_write_that_counts_as_by_scale()
    {
        Label(0);
        var plan = RolloutPlanner.Plan(_world.Rollout(Shop), _world.Now);
        var step = Assert.IsType<RolloutStep.UpdateDeployment>(Assert.Single(plan.Steps));
        Assert.Equal((3, 2), (step.After.Spec.Replicas, step.After.Spec.ScaleReplicas));
        Assert.True(DesiredReplicas.Of(step.After, basePods: 4).IsByScale);
        Assert.Null(plan.Status);
        Assert.Empty(plan.StepsAfterStatus);
    }

    [Fact]
    public void Nothing_goes_before_it_is_recorded()
    {
        Label(0);
        Assert.False(_world.StepPlacement());
    }

    [Fact]
    public void Until_the_goals_follow_nothing_is_made_for_what_goes()
    {
        var (name, _) = Label(0);
        _world.StepRollout("shop");
        Assert.True(_world.StepPlacement());
        Assert.True(_world.Modules[name].Metadata.IsDeleting);
        Assert.False(_world.StepPlacement());
        Assert.Equal(3, _world.ReplicaSets.Values.Single().Spec.Replicas);
    }

    // A replacement could adopt what was left in the base, and take it along when the goals follow.
    [Fact]
    public void Until_the_goals_follow_nothing_is_created_for_one_that_is_gone_already()
    {
        var (name, _) = Label(0, Labels.DeleteModuleDirectly);
        _world.StepRollout("shop");
        Assert.True(_world.StepPlacement());
        _world.Modules.Remove(name);
        Assert.Equal(3, _world.ReplicaSets.Values.Single().Spec.Replicas);
        Assert.False(_world.StepPlacement());
        Assert.Equal(2, _world.Modules.Count);
    }

    [Fact]
    public void Two_at_once_are_lowered_for_in_one_write()
    {
        Label(0);
        Label(2);
        _world.StepRollout("shop");
        Assert.Equal(1, Shop.Spec.ScaleReplicas);
        _world.Settle();
        Assert.Equal(1, Shop.Spec.Replicas);
        Assert.Single(_world.Modules);
    }

    [Fact]
    public void Looking_again_at_what_is_recorded_lowers_nothing()
    {
        var (name, _) = Label(0);
        _world.StepRollout("shop");
        for (var look = 0; look < 5; look++) _world.StepRollout("shop");
        Assert.Equal(2, Shop.Spec.Replicas);
        Assert.False(_world.Modules[name].Metadata.IsDeleting);
    }

    [Fact]
    public void While_a_change_of_replicas_is_under_way_that_one_is_lowered()
    {
        _world.Deployments["shop"] = Shop.With(spec => spec with { Replicas = 4 });
        Label(0);
        _world.StepRollout("shop");
        Assert.Equal((3, 3), (Shop.Spec.Replicas, Shop.Spec.ScaleReplicas));
        _world.Settle();
        Assert.Equal(3, _world.Modules.Count);
    }

    [Fact]
    public void A_symmetric_one_refuses_with_a_warning()
    {
        _world.Deployments["shop"] = A.ModuleDeployment(replicas: -1);
        _world.Settle();
        var (name, _) = Label(0);
        _world.Settle();
        Assert.Equal(4, _world.Modules.Count);
        Assert.False(_world.Modules[name].Metadata.IsDeleting);
        Assert.Contains(_world.Events, planned => planned is { Reason: Reasons.DeletionRefused, IsWarning: true });
    }

    [Fact]
    public void The_record_is_bounded_but_keeps_whatever_still_exists()
    {
        var (name, uid) = Label(0);
        var old = string.Join(',', Enumerable.Range(0, 200).Select(i => $"gone-{i}"));
        _world.Deployments["shop"] = Shop with
        {
            Metadata = Shop.Metadata with
            {
                Annotations = new Dictionary<string,
                string>
                { [Annotations.DeletedModules] = $"{uid},{old}" }
            },
        };
        Assert.NotNull(_world.Modules[name]);
        var (_, second) = Label(1);
        _world.StepRollout("shop");
        Assert.Equal([uid, .. Enumerable.Range(168, 32).Select(i => $"gone-{i}"), second], Recorded.Split(','));
        Assert.Equal(2, Shop.Spec.ScaleReplicas);
    }

    [Fact]
    public void In_mid_release_the_revision_of_the_deleted_one_is_not_made_again()
    {
        _world.Deployments["shop"] = Shop.Policy(UpgradePolicy.UninstallThenInstall)
            .With(spec => spec with { Template = A.Template("shop", "2.0.0") });
        for (var i = 0; i < 2; i++) _world.StepRollout("shop");
        _world.StepPlacement();
        var old = _world.Modules.Values.First(module => module is { Metadata.IsDeleting: false, Spec.Module.Version: "1.0.0" });
        Label(_world.Modules.Keys.ToList().IndexOf(old.Metadata.Name));
        _world.Settle();
        Assert.Equal(2, Shop.Spec.Replicas);
        Assert.Equal(["2.0.0", "2.0.0"], _world.Modules.Values.Select(module => module.Spec.Module.Version));
    }

    private (string Name, string Uid) Label(int index, string label = Labels.DeleteModule)
    {
        var (name, module) = _world.Modules.ElementAt(index);
        _world.Modules[name] = module with
        {
            Metadata = module.Metadata with { Labels = new Dictionary<string, string>(module.Metadata.Labels) { [label] = "true" } },
        };
        return (name, module.Metadata.Uid!);
    }
}
