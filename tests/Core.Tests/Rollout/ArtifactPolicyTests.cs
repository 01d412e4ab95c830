using ModuleController.Core.Commands;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules.Names;
using ModuleController.Core.Tests.World;
using static ModuleController.Core.Tests.Rollout.Releases;

namespace ModuleController.Core.Tests.Rollout;

/// <summary>A ModuleDeployment whose artifact breaks the policy of its namespace, also one that is younger than its modules.</summary>
public sealed class ArtifactPolicyTests
{
    private static readonly ArtifactPolicy Allowed = new() { Sources = [ArtifactSource.Parse("http://jars/")!] };
    private static readonly ArtifactPolicy Elsewhere = new() { Sources = [ArtifactSource.Parse("https://allowed.example/modules")!] };

    [Fact]
    public void An_upgrade_to_what_is_not_allowed_is_reported_once_with_field_url_and_rule_and_nothing_changes()
    {
        var world = Running(Allowed);
        Change(world, spec => spec with
        {
            Template = A.Template("shop", "2.0.0", url: "https://user:word@evil.test/shop.jar?token=1"),
        });
        world.Settle();

        var progressing = Progressing(world.Deployments["shop"].Status);
        Assert.Equal((Condition.False, Reasons.ArtifactNotAllowed), (progressing.Status, progressing.Reason));
        Assert.Equal(
            "spec.template.spec.module.url: https://evil.test/shop.jar is not at a source that the artifact policy allows (http://jars/)",
            progressing.Message);
        Assert.Equal((Condition.True, Reasons.ArtifactNotAllowed), Stalled(world));
        Assert.Equal((Reasons.ArtifactNotAllowed, progressing.Message, true),
            Assert.Single(world.Events.Select(planned => (planned.Reason, planned.Message!, planned.IsWarning))));
        AssertAvailable(world, 3, "1.0.0");
        Assert.Single(world.ReplicaSets);

        Change(world, spec => spec with { Template = A.Template("shop", "2.0.0") });
        world.Settle();
        AssertAvailable(world, 3, "2.0.0");
        Assert.Equal(Reasons.ReleaseCompleted, Progressing(world.Deployments["shop"].Status).Reason);
    }

    [Fact]
    public void A_missing_digest_is_reported_by_its_field()
    {
        var world = Running(new() { RequiresSha256 = true });
        Change(world, spec => spec with { Template = A.Template("shop", "2.0.0") });
        world.Settle();
        Assert.Equal("spec.template.spec.module.sha256: is required by the artifact policy",
            Progressing(world.Deployments["shop"].Status).Message);
        AssertAvailable(world, 3, "1.0.0");
    }

    [Fact]
    public void Under_a_younger_policy_what_runs_stays_and_can_be_scaled_down_paused_and_deleted()
    {
        var world = Running(Elsewhere);
        world.Settle();
        AssertAvailable(world, 3, "1.0.0");
        Assert.Equal(Reasons.ArtifactNotAllowed, Progressing(world.Deployments["shop"].Status).Reason);

        Change(world, spec => spec with { Paused = true });
        world.Settle();
        AssertAvailable(world, 3, "1.0.0");
        Change(world, spec => spec with { ScaleReplicas = 2 });
        world.Settle();
        AssertAvailable(world, 2, "1.0.0");
        Change(world, spec => spec with { ScaleReplicas = 3 });
        world.Settle();
        AssertAvailable(world, 2, "1.0.0");

        var shop = world.Deployments["shop"];
        world.Deployments["shop"] = shop with { Metadata = shop.Metadata with { DeletionTimestamp = world.Now } };
        world.Settle();
        Assert.True(world.Modules.Count == 0 && world.Deployments.Count == 0);
    }

    [Fact]
    public void Under_a_younger_policy_a_lost_module_is_replaced_only_when_its_artifact_is_allowed()
    {
        var world = Running(Elsewhere);
        world.LosePod("base-0");
        world.AddPod("base-3");
        world.Settle();
        AssertAvailable(world, 2, "1.0.0");

        world.ArtifactPolicy = Allowed;
        world.Settle();
        AssertAvailable(world, 3, "1.0.0");
        Assert.Equal(Reasons.ReleaseCompleted, Progressing(world.Deployments["shop"].Status).Reason);
    }

    [Fact]
    public void In_an_upgrade_to_what_is_not_allowed_a_lost_module_of_the_old_revision_is_replaced()
    {
        var world = Running(Allowed);
        Change(world, spec => spec with { Template = A.Template("shop", "2.0.0", url: "https://evil.test/shop.jar") });
        world.Settle();
        world.LosePod("base-0");
        world.AddPod("base-3");
        world.Settle();
        AssertAvailable(world, 3, "1.0.0");
    }

    [Fact]
    public void An_invalid_spec_is_reported_before_the_policy()
    {
        var world = Running(Elsewhere);
        Change(world, spec => spec with { Template = A.Template("shop", "2.0.0", url: "no url") });
        world.Settle();
        Assert.Equal(Reasons.InvalidSpec, Progressing(world.Deployments["shop"].Status).Reason);
    }

    /// <summary>Three modules of version 1.0.0 serve before there is a policy.</summary>
    private static SmallWorld Running(ArtifactPolicy policy)
    {
        var world = WorldOf(3);
        world.Settle();
        world.Events.Clear();
        world.ArtifactPolicy = policy;
        return world;
    }

    private static (string Status, string? Reason) Stalled(SmallWorld world) =>
        world.Deployments["shop"].Status.Conditions.Find(DeploymentConditions.Stalled) is { } stalled
            ? (stalled.Status, stalled.Reason)
            : ("", null);

    private static void AssertAvailable(SmallWorld world, int count, string version) => Assert.Equal(
        (count, count),
        (world.Modules.Count, world.Modules.Values.Count(module => module.IsAvailable && module.Spec.Module.Version == version)));
}
