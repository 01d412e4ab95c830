using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using ModuleController.ControlPlane.Agents;

namespace ModuleController.SystemTests.Gateway;

/// <summary>How far hellos raise the epoch.</summary>
public sealed class AgentEpochsTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly AgentEpochs _epochs;
    private ulong _epoch = 1;

    public AgentEpochsTests()
    {
        var gate = new LeaderGate(_time, () => null);
        gate.Open(new(() => true, () => _epoch, (epoch, _) =>
        {
            _epoch = epoch;
            return Task.CompletedTask;
        }));
        _epochs = new(gate, _ => true, (_, _) => { }, _time, NullLogger<AgentEpochs>.Instance);
    }

    [Fact]
    public async Task Hellos_raise_the_epoch_by_at_most_1000_an_hour_however_often_and_in_whatever_steps()
    {
        foreach (var (observed, epoch) in new[] { (5ul, 6ul), (999ul, 1000ul), (1000ul, 1001ul), (1001ul, 1001ul), (1900ul, 1001ul) })
            Assert.Equal(epoch, await GreetAsync(observed));
        Assert.True(_epochs.IsFenced(Hello(1900)));

        _time.Advance(AgentEpochs.RaisePeriod - TimeSpan.FromSeconds(1));
        Assert.Equal(1001ul, await GreetAsync(1900));

        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.False(_epochs.IsFenced(Hello(1900)));
        Assert.Equal(1901ul, await GreetAsync(1900));
        Assert.Equal(1901ul, await GreetAsync(2001));
    }

    private Task<ulong> GreetAsync(ulong observed) => _epochs.GreetAsync(Hello(observed), 1, TestContext.Current.CancellationToken);

    private static AgentHello Hello(ulong observed) => new(new("default", "base-0"), "uid-0", "1.0.0", observed);
}
