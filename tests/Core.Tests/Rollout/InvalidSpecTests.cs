using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.Core.Modules.Rules;
using ModuleController.Core.Rollouts;
using ModuleController.Core.Tests.World;
using static ModuleController.Core.Tests.Rollout.Releases;

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
        {
            "spec.hooks.preInstall.path",
            spec => spec with { Hooks = new() { PreInstall = new() { Port = 1, Path = "/" + new string('张', 1000) } } }
        },
    };

    /// <summary>Values with an obvious substitute, and what the condition says of them.</summary>
    public static TheoryData<string, Func<ModuleDeploymentSpec, ModuleDeploymentSpec>> Tolerated { get; } = new()
    {
        { "spec.template.metadata.labels[owner]: … (left out)", spec => Labelled(spec, "owner", "张三") },
        { "spec.template.metadata.labels[owner]: … (left out)", spec => Labelled(spec, "owner", "a b") },
        { "spec.template.metadata.labels[owner]: … (left out)", spec => Labelled(spec, "owner", new string('x', 64)) },
        { "spec.template.metadata.labels[a b]: … (left out)", spec => Labelled(spec, "a b", "x") },
        {
            "spec.template.metadata.annotations[no key]: … (left out)",
            spec => spec with
            {
                Template = spec.Template with { Metadata = new() { Annotations = new Dictionary<string, string> { ["no key"] = "x" } } },
            }
        },
        {
            "spec.operationStrategy.installTimeoutSeconds: must be 1 to 86400, not 100000 (86400 is used)",
            spec => spec with { OperationStrategy = spec.OperationStrategy with { InstallTimeoutSeconds = 100_000 } }
        },
        {
            "spec.operationStrategy.trafficDrainSeconds: must be 0 to 86400, not -1 (0 is used)",
            spec => spec with { OperationStrategy = spec.OperationStrategy with { TrafficDrainSeconds = -1 } }
        },
        {
            "spec.hooks.preInstall.timeoutSeconds: must be 1 to 3600, not 100000 (3600 is used)",
            spec => spec with { Hooks = new() { PreInstall = new() { Port = 1, Path = "/x", TimeoutSeconds = 100_000 } } }
        },
        {
            "spec.hooks.preInstall.retries: must be 0 to 10, not 99 (10 is used)",
            spec => spec with { Hooks = new() { PreInstall = new() { Port = 1, Path = "/x", Retries = 99 } } }
        },
    };

    [Theory]
    [MemberData(nameof(Tolerated), DisableDiscoveryEnumeration = true)]
    public void What_has_an_obvious_substitute_is_reported_and_can_be_upgraded_scaled_and_deleted(
        string message, Func<ModuleDeploymentSpec, ModuleDeploymentSpec> spoil)
    {
        // Stored in all objects before the rules existed.
        var world = WorldOf(4);
        var stored = A.ModuleDeployment() with { Spec = spoil(A.ModuleDeployment().Spec) };
        world.Deployments["shop"] = stored;
        var set = A.ReplicaSet(stored, goal: 3);
        set = set with { Spec = set.Spec with { Template = stored.Spec.Template, OperationStrategy = stored.Spec.OperationStrategy } };
        world.ReplicaSets[set.Metadata.Name] = set;
        world.Settle();
        AssertAvailable(3, "1.0.0");

        Change(world, spec => spec with { Template = spec.Template with { Spec = A.Template("shop", "2.0.0").Spec } });
        world.Settle();
        AssertAvailable(3, "2.0.0");
        foreach (var replicas in (int[])[4, 1])
        {
            Change(world, spec => spec with { ScaleReplicas = replicas });
            world.Settle();
            AssertAvailable(replicas, "2.0.0");
        }

        var parts = message.Split('…');
        var condition = world.Deployments["shop"].Status.Conditions.Find(DeploymentConditions.PartiallyInvalid)!;
        Assert.Equal((Condition.True, Reasons.InvalidSpec), (condition.Status, condition.Reason));
        Assert.StartsWith(parts[0], condition.Message, StringComparison.Ordinal);
        Assert.EndsWith(parts[^1], condition.Message, StringComparison.Ordinal);
        Assert.Equal([condition.Message],
            world.Events.Where(planned => planned is { Reason: Reasons.InvalidSpec, IsWarning: true }).Select(planned => planned.Message));
        // What the API server would reject in a new object is in none.
        Assert.All(world.ReplicaSets.Values, item => Assert.Empty(ModuleRules.Check(item.Spec.Template)));
        Assert.All(world.ReplicaSets.Values, item => Assert.Equal(
            StoredViolations.Corrected(item.Spec.OperationStrategy!), item.Spec.OperationStrategy));
        Assert.All(world.Modules.Values, module => Assert.True(
            FieldLimits.Labels.Allows(module.Metadata.Labels) && FieldLimits.Annotations.Allows(module.Metadata.Annotations)));

        Change(world, spec => A.ModuleDeployment().Spec with { Template = A.Template("shop", "2.0.0"), Replicas = spec.Replicas });
        world.Settle();
        Assert.Null(world.Deployments["shop"].Status.Conditions.Find(DeploymentConditions.PartiallyInvalid));
        var shop = world.Deployments["shop"];
        world.Deployments["shop"] = shop with { Metadata = shop.Metadata with { DeletionTimestamp = world.Now } };
        world.Settle();
        Assert.True(world.Modules.Count == 0 && world.Deployments.Count == 0);

        void AssertAvailable(int count, string version)
        {
            Assert.Equal(count, world.Modules.Values.Count(module => module.IsAvailable && module.Spec.Module.Version == version));
            Assert.Equal(Reasons.ReleaseCompleted, Progressing(world.Deployments["shop"].Status).Reason);
        }
    }

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

    /// <summary>Each Module would fail. The ModuleDeployment says already what is wrong.</summary>
    [Fact]
    public void From_a_ReplicaSet_that_was_stored_with_it_no_Module_is_created_until_it_is_corrected()
    {
        var world = WorldOf(3);
        world.Deployments["shop"] = A.ModuleDeployment() with
        {
            Spec = Source(A.ModuleDeployment().Spec, source => source with { Md5 = "abc" }),
        };
        var set = A.ReplicaSet(world.Deployments["shop"], goal: 3);
        world.ReplicaSets[set.Metadata.Name] = set;
        world.Settle();
        Assert.Empty(world.Modules);

        Change(world, spec => Source(spec, source => source with { Md5 = "" }));
        world.Settle();
        Assert.Equal(3, world.Modules.Values.Count(module => module is { IsAvailable: true, Spec.Module.Md5: "" }));
    }

    [Fact]
    public void What_a_lost_pod_had_is_replaced_from_a_ReplicaSet_that_is_valid()
    {
        var world = Spoiled(spec => Source(spec, source => source with { Md5 = "abc" }));
        world.LosePod("base-0");
        world.AddPod("base-3");
        world.Settle();
        Assert.Equal(3, world.Modules.Values.Count(module => module is { IsAvailable: true, Spec.Module.Version: "1.0.0" }));
    }

    [Fact]
    public void A_message_names_five_fields_at_most()
    {
        var world = Spoiled(spec => Source(spec, source => source with { Md5 = "abc" }) with
        {
            Template = Source(spec, source => source with { Md5 = "abc" }).Template with
            {
                Metadata = new() { Labels = Enumerable.Range(0, 100).ToDictionary(i => $"label-{i}", _ => "a b") },
            },
        });

        // What stops the release comes first.
        var message = Progressing(world.Deployments["shop"].Status).Message;
        Assert.StartsWith("spec.template.spec.module.md5: ", message, StringComparison.Ordinal);
        Assert.EndsWith("; and 96 more", message, StringComparison.Ordinal);
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
