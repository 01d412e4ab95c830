using System.Text.RegularExpressions;
using CsCheck;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Facts;
using ModuleController.Core.Modules.Names;
using ModuleController.Core.Placement;
using ModuleController.Core.Rollouts;

namespace ModuleController.Core.Tests.World;

/// <summary>What must hold of a release in a world of pods that come and go, lives that end, failures, restarts in the middle of
/// a plan, and people who change their minds. A failing story is printed with its seed, and shrunk.</summary>
public partial class ReleaseWorldProperties
{
    private static readonly Gen<(int Seed, (int Op, int Which)[] Steps)> Stories =
        Gen.Select(Gen.Int[0, 100_000], Gen.Select(Gen.Int[0, 47], Gen.Int[0, 999]).Array[20, 80]);

    [Fact]
    public void No_step_breaks_a_promise_and_in_the_end_everything_is_released() =>
        Stories.Sample(story =>
        {
            var releases = Play(story);
            releases.Repair();
            releases.GoOn(15);
            CheckReleased(releases);
        }, iter: 2200, print: Describe);

    [Fact]
    public void A_deletion_always_ends_and_leaves_nothing() =>
        Gen.Select(Stories, Stories).Sample((before, after) =>
        {
            var releases = Play(before);
            releases.Delete();
            foreach (var (op, which) in after.Steps.Take(30))
                if (op is < 24 or (>= 27 and not 38 and not 44))
                {
                    releases.Do(op, which);
                    CheckOwners(releases);
                }

            releases.Repair();
            releases.GoOn(10);
            Assert.True(releases.World is { Deployments.Count: 0, ReplicaSets.Count: 0, Modules.Count: 0 }, Dump(releases.World));
        }, iter: 400, print: story => $"{Describe(story.Item1)} THEN {Describe(story.Item2)}");

    [Fact]
    public void A_controller_that_dies_at_any_call_of_any_look_ends_where_it_would_have() =>
        Gen.Select(Stories, Gen.Int[20, 80]).Sample((story, deletedAt) =>
        {
            var releases = new ReleaseWorld(story.Seed);
            for (var at = 0; at < story.Steps.Length && releases.World.Deployments.ContainsKey(Story.Name); at++)
            {
                releases.Do(story.Steps[at].Op, story.Steps[at].Which);
                if (at == deletedAt) releases.Delete();
                DieAtAnyCall(releases.World, $"at step {at}");
            }
        }, iter: 400, print: story => $"{Describe(story.Item1)} deleted at {story.Item2}");

    private static void DieAtAnyCall(SmallWorld world, string when)
    {
        if (!world.Deployments.ContainsKey(Story.Name)) return;
        var whole = world.Copy();
        whole.StepRollout(Story.Name);
        if (whole.LastCalls < 2) return;
        var want = Rest(whole);
        for (var calls = 1; calls < whole.LastCalls; calls++)
        {
            var cut = world.Copy();
            cut.StepRollout(Story.Name, calls);
            var got = Rest(cut);
            Assert.True(want == got, $"{when} dead after {calls} calls\n{want}\n\n{got}");
        }
    }

    // When something was seen for the first time is another matter: who dies in between sees less.
    [GeneratedRegex("\"last(Transition|Progress)Time\":\"[^\"]*\"")]
    private static partial Regex Times();

    internal static string Describe((int Seed, (int Op, int Which)[] Steps) story) => $"({story.Seed}, [{string.Join(", ", story.Steps)}])";

    private static ReleaseWorld Play((int Seed, (int Op, int Which)[] Steps) story)
    {
        var releases = new ReleaseWorld(story.Seed);
        foreach (var (op, which) in story.Steps) releases.Do(op, which);
        return releases;
    }

    /// <summary>The ModuleDeployment's reconciler alone, until it has nothing more to do.</summary>
    private static string Rest(SmallWorld world)
    {
        for (var i = 0; i < 20 && world.Deployments.ContainsKey(Story.Name); i++)
            if (!world.StepRollout(Story.Name))
            {
                var deployment = world.Deployments[Story.Name];
                var sets = world.ReplicaSets.Values.Select(set => $"{set.Metadata.Name} {set.Spec.Replicas} "
                    + string.Join(',', set.Metadata.Annotations.Concat(set.Metadata.Labels).OrderBy(pair => pair.Key)
                        .Select(pair => $"{pair.Key}={pair.Value}")));
                return $"{Times().Replace(ResourceText.Of(deployment.Status), "")}\n{deployment.Spec.Replicas} "
                    + $"{deployment.Spec.ScaleReplicas} {deployment.Spec.ConfirmBatchNum} "
                    + $"{deployment.Spec.Paused} {Revision.Of(deployment.Spec.Template)}\n{string.Join(',', deployment.Metadata.Annotations.Keys)}\n{string.Join('\n', sets)}";
            }

        return world.Deployments.ContainsKey(Story.Name) ? throw new InvalidOperationException("never rests") : "gone";
    }

    private static string Dump(SmallWorld world) => string.Join('\n',
    [
        .. world.Deployments.Values.Select(deployment => ResourceText.Of(deployment.Status)),
        .. world.ReplicaSets.Values.Select(set => $"{set.Metadata.Name} {set.Spec.Template.Spec.Module.Version} goal {set.Spec.Replicas}"),
        .. world.Modules.Values.Select(module => $"{module.Metadata.Name} {module.Spec.Module.Version} on {module.Spec.PodName} for "
            + $"{module.Spec.Replaces}: {module.Status.Status}{(module.Metadata.IsDeleting ? ", deleting" : "")}"),
        $"pods {string.Join(", ", world.Pods.Keys)}",
        .. world.Log.TakeLast(20),
    ]);

    private static void CheckOwners(ReleaseWorld releases)
    {
        var sets = releases.World.ReplicaSets.Values.Select(set => set.Metadata.Uid).ToHashSet();
        Assert.True(releases.World.Modules.Values.All(module => sets.Contains(module.Metadata.Controller!.Uid)),
            "a module outlived its replica set");
        Assert.True(releases.World.Deployments.Count > 0 || sets.Count == 0, "a replica set outlived its deployment");
    }

    internal static void CheckReleased(ReleaseWorld releases)
    {
        var world = releases.World;
        var view = new ReleaseView(world);
        var dump = Dump(world);
        Assert.True(view.Release!.Progress == ReleaseProgress.Completed, $"{view.Release.Progress}\n{dump}");
        Assert.True(view.UpdatedAvailable == view.Desired && view.LiveSlots == view.Desired
            && view.LiveOld == 0, $"wants {view.Desired}\n{dump}");
        Assert.True(view.Deployment.Status.UnavailableReplicas == 0, dump);
        Assert.True(view.Deployment.Status.Conditions.IsTrue(DeploymentConditions.Ready), dump);
        // What was confirmed in vain is set back to nothing, then there is nothing more to do.
        world.StepRollout(Story.Name);
        var plan = RolloutPlanner.Plan(world.Rollout(world.Deployments[Story.Name]), world.Now);
        Assert.True(plan.Steps.Concat(plan.StepsAfterStatus).All(step => step is RolloutStep.UpdateDeployment), dump);
        Assert.Empty(PlacementPlanner.Plan(world.Placement(), world.Now).Steps);
    }
}
