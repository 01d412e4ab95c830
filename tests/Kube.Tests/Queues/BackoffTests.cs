using CsCheck;
using ModuleController.Core.Meta;

namespace ModuleController.Kube.Tests.Queues;

public sealed class BackoffTests
{
    [Fact]
    public void It_doubles_up_to_its_maximum()
    {
        var backoff = new Backoff(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(10));
        Assert.Equal([1, 2, 4, 8, 10, 10], Enumerable.Range(1, 6).Select(failures => backoff.After(failures, random: 0).TotalSeconds));
    }

    [Fact]
    public void It_stays_between_its_initial_wait_and_its_maximum_whatever_the_jitter() =>
        Gen.Select(Gen.Int[1, int.MaxValue], Gen.Double[0, 1], Gen.Double[0, 1]).Sample((failures, jitter, random) =>
        {
            var backoff = new Backoff(TimeSpan.FromSeconds(0.8), TimeSpan.FromSeconds(30), jitter);
            return backoff.After(failures, random) is { TotalSeconds: >= 0.8 and <= 30 };
        });
}
