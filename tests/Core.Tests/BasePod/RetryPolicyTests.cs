using CsCheck;
using ModuleController.Core.Commands;

namespace ModuleController.Core.Tests.BasePod;

public sealed class RetryPolicyTests
{
    private static readonly Gen<FailureReason> Reasons = Gen.Enum<FailureReason>();

    [Fact]
    public void Each_delay_is_longer_than_the_one_before_until_five_minutes_whatever_the_jitter() =>
        Gen.Select(Gen.Int[1, 8], Gen.Double[0, 1], Gen.Double[0, 1]).Sample((attempt, one, other) =>
            Assert.True(RetryPolicy.Delay(attempt + 1, other) > RetryPolicy.Delay(attempt, one)));

    [Fact]
    public void A_delay_is_between_a_little_under_a_second_and_five_minutes() =>
        Gen.Select(Gen.Int[int.MinValue, int.MaxValue], Gen.Double[-2, 3]).Sample((attempt, jitter) =>
            Assert.InRange(RetryPolicy.Delay(attempt, jitter).TotalSeconds, 0.8, 300));

    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 2)]
    [InlineData(3, 4)]
    [InlineData(9, 256)]
    [InlineData(10, 300)]
    [InlineData(1000, 300)]
    public void The_delay_doubles(int attempts, double seconds) =>
        Assert.Equal(seconds, RetryPolicy.Delay(attempts, jitter: 0).TotalSeconds);

    [Fact]
    public void What_once_served_is_never_final_but_for_ending_bases() =>
        Gen.Select(Reasons.Where(reason => reason != FailureReason.BaseDied), Gen.Int[1, 50]).Sample((reason, attempts) =>
            Assert.IsNotType<Retry.Final>(RetryPolicy.Next(reason, attempts, hasServed: true, 0.5)));

    [Fact]
    public void What_never_served_is_final_exactly_where_the_user_has_to_act() =>
        Reasons.Where(reason => reason != FailureReason.BaseDied).Sample(reason => Assert.Equal(
            reason.Class() == FailureClass.User, RetryPolicy.Next(reason, 1, hasServed: false, 0.5) is Retry.Final));

    [Fact]
    public void A_base_that_died_once_is_forgiven_and_not_twice()
    {
        Assert.Equal(new Retry.After(TimeSpan.Zero), RetryPolicy.Next(FailureReason.BaseDied, 1, hasServed: false, 0));
        Assert.IsType<Retry.Final>(RetryPolicy.Next(FailureReason.BaseDied, 2, hasServed: true, 0));
    }

    [Fact]
    public void The_jitter_spreads_and_is_the_same_for_the_same_attempt() =>
        Gen.Select(Gen.String[1, 36], Gen.Int[0, 100]).Sample((uid, attempt) =>
        {
            Assert.InRange(RetryPolicy.Jitter(uid, attempt), 0, 1);
            Assert.Equal(RetryPolicy.Jitter(uid, attempt), RetryPolicy.Jitter(uid, attempt));
        });

    [Fact]
    public void A_thousand_modules_do_not_retry_at_once() =>
        Assert.True(Enumerable.Range(0, 1000).Select(number => RetryPolicy.Jitter($"uid-{number}", 1)).Distinct().Count() > 500);
}
