using CsCheck;
using ModuleController.Agent.Observing;

namespace ModuleController.Agent.Tests;

public sealed class LifeClockTests
{
    [Fact]
    public void Answers_of_one_JVM_are_one_life_however_late_they_come() =>
        Gen.Select(Gen.Double[0, 8], Gen.Double[0, 8]).Array[1, 50].Sample(answers =>
        {
            var clock = new LifeClock();
            clock.Begin(TimeSpan.FromSeconds(10));
            var now = 20.0;
            foreach (var (before, after) in answers)
            {
                // The JVM read its clock between request and answer.
                var (sent, read, arrived) = (now, now + before, now + before + after);
                now = arrived;
                var verdict = clock.Compare(TimeSpan.FromSeconds(sent), TimeSpan.FromSeconds(arrived), TimeSpan.FromSeconds(read - 10));
                if (verdict is LifeVerdict.New) return false;
            }

            return clock.Start == TimeSpan.FromSeconds(10);
        });

    [Fact]
    public void A_start_three_seconds_later_is_a_new_life() =>
        Gen.Select(Gen.Double[0, 1], Gen.Double[0, 0.9]).Sample((before, after) =>
        {
            var clock = new LifeClock();
            clock.Begin(TimeSpan.FromSeconds(10));
            var (sent, read, arrived) = (20.0, 20 + before, 20 + before + after);
            return clock.Compare(TimeSpan.FromSeconds(sent), TimeSpan.FromSeconds(arrived), TimeSpan.FromSeconds(read - 13))
                is LifeVerdict.New;
        });
}
