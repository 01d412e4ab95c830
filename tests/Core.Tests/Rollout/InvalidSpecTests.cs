using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.Core.Rollouts;
using ModuleController.Core.Tests.World;
using static ModuleController.Core.Tests.Rollout.ReleaseTests;

namespace ModuleController.Core.Tests.Rollout;

/// <summary>What was stored before a rule existed: it gets a condition and an Event, and can be scaled down, deleted and
/// corrected.</summary>
public class InvalidSpecTests
{
    public static TheoryData<string, Func<ModuleDeploymentSpec, ModuleDeploymentSpec>> Spoils { get; } = new()
    {
        { "spec.template.spec.module.md5", spec => Source(spec, source => source with { Md5 = "abc" }) },
        { "spec.template.spec.module.md5", spec => Source(spec, source => source with { Md5 = new string('a', 64) }) },
        { "spec.template.spec.module.url", spec => Source(spec, source => source with { Url = "http://x/" + new string('张', 3000) }) },
        { "spec.template.metadata.labels[owner]", spec => Labelled(spec, "owner", "张三") },
        { "spec.template.metadata.labels[owner]", spec => Labelled(spec, "owner", "a b") },
        { "spec.operationStrategy.installTimeoutSeconds",
            spec => spec with { OperationStrategy = spec.OperationStrategy with { InstallTimeoutSeconds = 100_000 } } },
        { "spec.hooks.preInstall.path",
            spec => spec with { Hooks = new() { PreInstall = new() { Port = 1, Path = "/" + new string('张', 1000) } } } },
    };

    [Theory]
    [MemberData(nameof(Spoils), DisableDiscoveryEnumeration = true)]
    public void It_is_reported_once_with_the_field_and_nothing_changes(string field, Func<ModuleDeploymentSpec, ModuleDeploymentSpec> spoil)
    {
        var world = Spoiled(spoil);

        var progressing = Progressing(world.Deployments["shop"].Status);
        Assert.Equal((Condition.False, Reasons.InvalidSpec), (progressing.Status, progressing.Reason));
        Assert.StartsWith($"{field}: must be ", progressing.Message, StringComparison.Ordinal);
        Assert.Equal((Reasons.InvalidSpec, progressing.Message, true),
            Assert.Single(world.Events.Select(planned => (planned.Reason, planned.Message, planned.IsWarning))));
        Assert.Equal(3, world.Modules.Values.Count(module => module is { IsAvailable: true, Spec.Module.Version: "1.0.0" }));
        Assert.Single(world.ReplicaSets);
    }

    [Theory]
    [MemberData(nameof(Spoils), DisableDiscoveryEnumeration = true)]
    public void It_can_be_scaled_down_and_not_up(string field, Func<ModuleDeploymentSpec, ModuleDeploymentSpec> spoil)
    {
        var world = Spoiled(spoil);
        Change(world, spec => spec with { ScaleReplicas = 1 });
        world.Settle();
        Assert.Single(world.Modules);
        Assert.Equal(1, world.Deployments["shop"].Status.Replicas);

        Change(world, spec => spec with { ScaleReplicas = 3 });
        world.Settle();
        Assert.Single(world.Modules);
        Assert.Contains(field, Progressing(world.Deployments["shop"].Status).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_symmetric_one_that_is_replaced_without_replicas_stays_on_every_base_pod()
    {
        var world = new SmallWorld();
        for (var i = 0; i < 3; i++) world.AddPod($"base-{i}");
        world.Deployments["shop"] = A.ModuleDeployment(replicas: -1);
        world.Settle();
        Change(world, spec => Source(spec, source => source with { Md5 = "abc" }) with { Replicas = null, ScaleReplicas = null });
        world.Settle();
        Assert.Equal(3, world.Modules.Values.Count(module => module is { IsAvailable: true, Metadata.IsDeleting: false }));
        Assert.Equal(-1, world.Deployments["shop"].Spec.Replicas);
        Assert.Equal(Reasons.InvalidSpec, Progressing(world.Deployments["shop"].Status).Reason);
    }

    [Theory]
    [MemberData(nameof(Spoils), DisableDiscoveryEnumeration = true)]
    public void It_can_be_deleted(string field, Func<ModuleDeploymentSpec, ModuleDeploymentSpec> spoil)
    {
        var world = Spoiled(spoil);
        var shop = world.Deployments["shop"];
        world.Deployments["shop"] = shop with { Metadata = shop.Metadata with { DeletionTimestamp = world.Now } };
        world.Settle();
        Assert.True(world.Modules.Count == 0 && world.Deployments.Count == 0, field);
    }

    [Theory]
    [MemberData(nameof(Spoils), DisableDiscoveryEnumeration = true)]
    public void Once_corrected_its_release_goes_on(string field, Func<ModuleDeploymentSpec, ModuleDeploymentSpec> spoil)
    {
        var world = Spoiled(spoil);
        Change(world, spec => A.ModuleDeployment().Spec with { Template = A.Template("shop", "2.0.0"), Replicas = spec.Replicas });
        world.Settle();
        Assert.True(world.Modules.Values.All(module => module is { IsAvailable: true, Spec.Module.Version: "2.0.0" }), field);
        Assert.Equal((3, Reasons.ReleaseCompleted), (world.Modules.Count, Progressing(world.Deployments["shop"].Status).Reason));
    }

    [Fact]
    public void In_the_middle_of_an_upgrade_what_does_not_serve_goes_first()
    {
        var shop = A.ModuleDeployment(replicas: 1) with
        {
            Spec = Source(A.ModuleDeployment(replicas: 1, version: "2.0.0").Spec, source => source with { Md5 = "abc" })
        };
        var (old, updated) = (A.ReplicaSet(A.ModuleDeployment(), goal: 2),
            A.ReplicaSet(A.ModuleDeployment(version: "2.0.0"), goal: 2, revision: 2));
        var state = new RolloutState
        {
            Deployment = shop,
            Sets =
            [
                new(old, [A.Module(old, 0, "base-0"), A.Module(old, 1, "base-1")]),
                new(updated, [A.Module(updated, 0, "base-2", isAvailable: false), A.Module(updated, 1, "base-3", isAvailable: false)]),
            ],
        };

        var scales = RolloutPlanner.Plan(state, A.Time).StepsAfterStatus.Cast<RolloutStep.ScaleReplicaSet>();

        Assert.Equal([(2, 0), (1, 1)],
            scales.Select(scale => (int.Parse(scale.ReplicaSet.Metadata.Labels[Labels.Revision], null), scale.Replicas)));
    }

    /// <summary>Each create would be rejected, or its Module fail. The ModuleDeployment says already what is wrong.</summary>
    [Fact]
    public void From_a_ReplicaSet_that_was_stored_with_it_no_Module_is_created_until_it_is_corrected()
    {
        var world = WorldOf(3);
        world.Deployments["shop"] = A.ModuleDeployment() with { Spec = Labelled(A.ModuleDeployment().Spec, "owner", "张三") };
        var set = A.ReplicaSet(world.Deployments["shop"], goal: 3);
        world.ReplicaSets[set.Metadata.Name] = set;
        world.Settle();
        Assert.Empty(world.Modules);

        Change(world, spec => Labelled(spec, "owner", "x"));
        world.Settle();
        Assert.Equal(3, world.Modules.Values.Count(module => module.IsAvailable && module.Metadata.Labels["owner"] == "x"));
    }

    [Fact]
    public void What_a_lost_pod_had_is_replaced_from_a_ReplicaSet_that_is_valid()
    {
        var world = Spoiled(spec => Labelled(spec, "owner", "张三"));
        world.LosePod("base-0");
        world.AddPod("base-3");
        world.Settle();
        Assert.Equal(3, world.Modules.Values.Count(module => module is { IsAvailable: true, Spec.Module.Version: "1.0.0" }));
    }

    [Fact]
    public void A_message_names_five_fields_at_most()
    {
        var world = Spoiled(spec => spec with
        {
            Template = spec.Template with
            {
                Metadata = new() { Labels = Enumerable.Range(0, 100).ToDictionary(i => $"label-{i}", _ => "a b") },
            },
        });

        Assert.EndsWith("; and 95 more", Progressing(world.Deployments["shop"].Status).Message, StringComparison.Ordinal);
    }

    /// <summary>Three modules of version 1.0.0 serve; then the spec is changed.</summary>
    private static SmallWorld Spoiled(Func<ModuleDeploymentSpec, ModuleDeploymentSpec> spoil)
    {
        var world = WorldOf(3);
        world.Settle();
        world.Events.Clear();
        Change(world, spec => spoil(spec with { Template = A.Template("shop", "2.0.0") }));
        world.Settle();
        return world;
    }

    private static ModuleDeploymentSpec Source(ModuleDeploymentSpec spec, Func<ModuleSource, ModuleSource> change) =>
        spec with { Template = spec.Template with { Spec = spec.Template.Spec with { Module = change(spec.Template.Spec.Module) } } };

    private static ModuleDeploymentSpec Labelled(ModuleDeploymentSpec spec, string key, string value) =>
        spec with { Template = spec.Template with { Metadata = new() { Labels = new Dictionary<string, string> { [key] = value } } } };
}
