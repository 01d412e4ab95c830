using CsCheck;
using ModuleController.Core.Rollouts;

namespace ModuleController.Core.Tests.Rollout;

public class BatchesTests
{
    [Theory]
    [InlineData(10, 3, false, new[] { 4, 7, 10 })]
    [InlineData(4, 3, false, new[] { 2, 3, 4 })]
    [InlineData(10, 3, true, new[] { 1, 6, 10 })]
    [InlineData(10, 1, true, new[] { 1, 10 })]
    [InlineData(2, 5, false, new[] { 1, 2 })]
    [InlineData(1, 3, true, new[] { 1 })]
    [InlineData(0, 3, false, new[] { 0 })]
    public void Each_batch_aims_at_its_share_rounded_up(int desired, int batches, bool useBeta, int[] aims) =>
        Assert.Equal(aims, Aims(desired, batches, useBeta));

    [Fact]
    public void Batches_hold_everything_once_none_is_empty_and_they_differ_by_at_most_one() =>
        Gen.Select(Gen.Int[1, 300], Gen.Int[1, 40], Gen.Bool).Sample((desired, batches, useBeta) =>
        {
            var aims = Aims(desired, batches, useBeta);
            Assert.Equal(desired, aims[^1]);
            var sizes = aims.Select((aim, i) => aim - (i == 0 ? 0 : aims[i - 1])).ToList();
            Assert.True(sizes.TrueForAll(size => size > 0));
            var apart = useBeta ? sizes.Skip(1).ToList() : sizes;
            Assert.True(apart.Count == 0 || apart.Max() - apart.Min() <= 1);
            Assert.True(!useBeta || sizes[0] == 1);
        });

    [Fact]
    public void Another_number_moves_the_aims_in_proportion() =>
        Assert.Equal([2, 4, 2], new[] { 4, 12, 4 }.Select(desired => Batches.Aim(1, desired, 3, useBeta: false)));

    private static int[] Aims(int desired, int batches, bool useBeta)
    {
        var count = Batches.Count(desired, batches, useBeta);
        return [.. Enumerable.Range(1, count).Select(batch => Batches.Aim(batch, desired, count, useBeta))];
    }
}
