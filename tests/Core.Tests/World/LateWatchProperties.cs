using CsCheck;
using ModuleController.Core.Modules;

namespace ModuleController.Core.Tests.World;

/// <summary>A ModuleDeployment's reconciler whose watches are late: it decides by Modules, pods and a spec of some steps ago.</summary>
public class LateWatchProperties
{
    private static readonly Gen<(int Seed, (int Op, int Which)[] Steps)> Stories =
        Gen.Select(Gen.Int[0, 100_000], Gen.Select(Gen.Int[0, 43], Gen.Int[0, 999]).Array[20, 60]);

    [Fact]
    public void Whatever_it_saw_too_late_what_serves_is_kept_and_in_the_end_everything_is_released() =>
        Gen.Select(Stories, Gen.Int[1, 6], Gen.Int[2, 7]).Sample((story, late, every) =>
        {
            var releases = new ReleaseWorld(story.Seed);
            List<SmallWorld> past = [];
            for (var at = 0; at < story.Steps.Length; at++)
            {
                past.Add(releases.World.Copy());
                var (op, which) = story.Steps[at];
                // Whoever else looks holds the promises of placement, each time.
                if (op <= 7 || at % every == 0) releases.LookBack(past[Math.Max(0, at - late)]);
                else if (op is > 15 and <= 22) releases.Checks.Placement.Place();
                else releases.Do(op, which);
            }

            releases.Repair();
            releases.GoOn(15);
            Assert.Equal(ReleaseProgress.Completed, releases.World.Deployments[Story.Name].Status.ReleaseStatus!.Progress);
            ReleaseWorldProperties.CheckReleased(releases);
        }, iter: 500, print: story => $"{ReleaseWorldProperties.Describe(story.Item1)} {story.Item2} late, every {story.Item3}");
}
