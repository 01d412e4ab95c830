using CsCheck;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Facts;
using ModuleController.Core.Modules.Names;
using ModuleController.Core.Tests.World;

namespace ModuleController.Core.Tests.Rollout;

/// <summary>Batches under scaleup_then_scaledown: who waits for a pod that another one leaves is missing, not without a place.</summary>
public class HandoverBatchTests
{
    [Fact]
    public void A_batch_is_not_done_while_half_of_it_waits_for_a_pod_that_an_old_one_leaves()
    {
        var story = Released(pods: 7, replicas: 6, batches: 3).Upgrade("2.0.0");
        StepByStep(story, replicas: 6, batches: 3);
        story.Stands("3/3 Completed: 2.0.0 x 6");
    }

    [Fact]
    public void Whatever_the_sizes_each_batch_is_whole_before_the_next_one_begins() =>
        Gen.Select(Gen.Int[1, 8], Gen.Int[1, 4], Gen.Int[1, 4], Gen.Bool).Sample((replicas, spare, batches, isUpgradedTwice) =>
        {
            var story = Released(replicas + spare, replicas, batches).Upgrade("2.0.0");
            StepByStep(story, replicas, batches);
            if (isUpgradedTwice) StepByStep(story.Upgrade("3.0.0"), replicas, batches);
            Assert.Equal((ReleaseProgress.Completed, $"{story.Deployment.Spec.Template.Spec.Module.Version} x {replicas}"),
                (story.Release.Progress, story.Versions));
        }, iter: 60);

    [Fact]
    public void Nor_while_the_pods_that_were_added_come_up_one_after_the_other()
    {
        var story = Released(pods: 4, replicas: 4, batches: 2);
        story.World.Base = new()
        {
            Metadata = new() { Name = "base", Annotations = new Dictionary<string, string> { [Annotations.AllowBaseScaling] = "true" } },
            Spec = new() { Replicas = 4 },
        };
        story.Upgrade("2.0.0");
        for (var i = 0; i < 3; i++) Everybody(story);
        Assert.Equal((6, 1), (story.World.Base.Spec.Replicas, story.Release.CurrentBatch));
        while (story.World.StepBase())
            for (var i = 0; i < 4; i++)
            {
                Everybody(story);
                Check(story, replicas: 4, batches: 2);
            }

        StepByStep(story, replicas: 4, batches: 2);
        story.Stands("2/2 Completed: 2.0.0 x 4");
    }

    [Fact]
    public void What_nothing_makes_room_for_is_not_waited_for()
    {
        // The pod that the first one left takes nothing more, and none is coming.
        var story = Released(pods: 5, replicas: 4, batches: 2, strategy => strategy with { NeedConfirm = true });
        foreach (var pod in story.World.Pods.Values.Where(pod => story.World.Modules.Values.Any(module => module.Spec.PodUid == pod.Uid))
            .ToList())
            story.World.Pods[pod.Name] = pod with { Refusal = "needs a restart" };
        story.Upgrade("2.0.0").Stands("1/2 Paused: 1.0.0 x 3, 2.0.0 x 1");
        Assert.Equal(ReleaseProgress.WaitingForConfirmation, story.Release.BatchProgress);
        // Of the next one nothing can be placed.
        story.Confirm(1).Pass(10_000).Settle();
        Assert.Equal((2, Condition.Unknown, Reasons.NoEligibleBase),
            (story.Release.CurrentBatch, story.Progressing.Status, story.Progressing.Reason));
        foreach (var pod in story.World.Pods.Values.ToList()) story.World.Pods[pod.Name] = pod with { Refusal = null };
        story.Stands("2/2 Completed: 2.0.0 x 4");
    }

    [Fact]
    public void Without_any_other_pod_the_first_batch_waits_and_says_why()
    {
        var story = Released(pods: 4, replicas: 4, batches: 2).Upgrade("2.0.0").Pass(10_000).Settle();
        Assert.Equal((1, Condition.Unknown, Reasons.NoEligibleBase),
            (story.Release.CurrentBatch, story.Progressing.Status, story.Progressing.Reason));
        story.AddPods(1).Stands("2/2 Completed: 2.0.0 x 4");
    }

    [Fact]
    public void A_pod_that_comes_up_is_waited_for_until_it_is_lost()
    {
        var story = Released(pods: 5, replicas: 4, batches: 2, strategy => strategy with { NeedConfirm = true }).AddPods(1);
        // One place is free, one pod is coming, and what the old ones leave takes nothing more.
        foreach (var pod in story.World.Pods.Values.Where(pod => pod.Name != "base-04").ToList())
            story.World.Pods[pod.Name] = pod with { Refusal = "is not Ready", IsStarting = pod.Name == "base-05" };
        story.Upgrade("2.0.0").Settle();
        Assert.Equal((ReleaseProgress.Executing, "1.0.0 x 3, 2.0.0 x 1"), (story.Release.BatchProgress, story.Versions));
        Assert.Equal((Condition.Unknown, Reasons.AwaitingPlace), (story.Progressing.Status, story.Progressing.Reason));
        Assert.DoesNotContain(story.World.Events, planned => planned.Reason == Reasons.AwaitingPlace && planned.IsWarning);
        story.World.Pods["base-05"] = story.World.Pods["base-05"] with { IsStarting = false };
        story.Settle();
        Assert.Equal(ReleaseProgress.WaitingForConfirmation, story.Release.BatchProgress);
    }

    private static Story Released(int pods, int replicas, int batches, Func<OperationStrategy, OperationStrategy>? strategy = null)
    {
        var story = Story.Released(pods, replicas, policy: UpgradePolicy.ScaleUpThenScaleDown);
        return story.Strategy(given => (strategy ?? (same => same))(given) with { BatchCount = batches }).Settle();
    }

    /// <summary>To the end; after each look at the release, what came before the current batch is there.</summary>
    private static void StepByStep(Story story, int replicas, int batches)
    {
        for (var i = 0; i < 300; i++)
        {
            var isChange = Everybody(story);
            if (story.Release.UpdateRevision == Revision.Of(story.Deployment.Spec.Template).Hash()) Check(story, replicas, batches);
            if (!isChange) return;
        }

        Assert.Fail($"does not settle: {story.Stand}");
    }

    private static void Check(Story story, int replicas, int batches)
    {
        var done = (story.Release.CurrentBatch ?? 1) - (story.Release.BatchProgress is ReleaseProgress.Init or ReleaseProgress.Executing
            ? 1 : 0);
        var aim = (int)Math.Ceiling(done * replicas / (double)Math.Min(batches, replicas));
        var version = story.Deployment.Spec.Template.Spec.Module.Version;
        var there = story.World.Modules.Values.Count(module => module is { IsAvailable: true, Metadata.IsDeleting: false }
            && module.Spec.Module.Version == version);
        Assert.True(there >= aim,
            $"batch {done} is said to be done, {there} of {aim} are: {story.Stand}; {string.Join(" | ", story.World.Log.TakeLast(20))}");
    }

    private static bool Everybody(Story story)
    {
        var isChange = story.World.StepRollout(Story.Name) | story.World.StepPlacement();
        foreach (var name in story.World.Modules.Keys.ToList()) isChange |= story.World.StepModule(name);
        return isChange;
    }
}
