using System.Globalization;
using ModuleController.Core.Meta;

namespace ModuleController.ControlPlane.Agents;

/// <summary>Handles agents that report a higher epoch: the controller raises its own, or sends the agent no commands.</summary>
/// <remarks>
/// Only agents of base pods raise the epoch, by at most <see cref="MaxRaise"/> an hour in total. The epoch is the Lease's leaseTransitions,
/// which has 32 bits, and agents that reconnect repeatedly must not exhaust it. No hello is refused for its epoch.
/// </remarks>
public sealed partial class AgentEpochs(
    LeaderGate gate, Func<ObjectKey, bool> isBasePod, Action<AgentHello, string> warn, TimeProvider time, ILogger<AgentEpochs> logger)
{
    public const ulong MaxRaise = 1000;

    /// <summary>The highest allowed <c>--epoch-floor</c>: leaseTransitions has 32 bits, and rises with each leader.</summary>
    public const int MaxFloor = 2_000_000_000;

    public static readonly TimeSpan RaisePeriod = TimeSpan.FromHours(1);

    private readonly Lock _lock = new();
    private (DateTimeOffset Until, ulong Epoch) _period;

    /// <summary>The agent would refuse our commands.</summary>
    public bool IsAhead(AgentHello hello) => hello.HighestEpoch > gate.Epoch;

    /// <summary>The epoch rises above that of an agent that is ahead.</summary>
    public bool MayRaise(AgentHello hello) =>
        hello.HighestEpoch < EpochOfPeriod + MaxRaise && hello.HighestEpoch < int.MaxValue && isBasePod(hello.Pod);

    /// <summary>The agent would refuse our commands, and the epoch does not rise above its own.</summary>
    public bool IsFenced(AgentHello hello) => IsAhead(hello) && !MayRaise(hello);

    /// <summary>The epoch for the agent: above its own, if its own may raise ours.</summary>
    /// <param name="atBegin">Our epoch when the agent's stream began.</param>
    public async Task<ulong> GreetAsync(AgentHello hello, ulong atBegin, CancellationToken cancellation)
    {
        var before = gate.Epoch;
        if (hello.HighestEpoch >= before && MayRaise(hello))
        {
            BeginPeriod();
            var epoch = await gate.ReachAsync(hello.HighestEpoch, atBegin, cancellation);
            if (epoch != before) LogRaised(hello.Pod, hello.HighestEpoch, epoch);
            return epoch;
        }

        if (IsAhead(hello))
        {
            var text = AheadText(hello);
            LogAhead(text);
            warn(hello, text);
        }

        return before;
    }

    /// <summary>Why the agent gets no commands, and what to do.</summary>
    public string AheadText(AgentHello hello) => string.Create(
        CultureInfo.InvariantCulture,
        $"the agent of pod {hello.Pod} has observed epoch {hello.HighestEpoch}, above this controller's epoch {gate.Epoch}, and gets no "
            + $"commands; "
        + $"{Remedy(hello.HighestEpoch)}");

    /// <summary>Ours when the period began; a new one begins with the next raise.</summary>
    private ulong EpochOfPeriod
    {
        get
        {
            lock (_lock) return time.GetUtcNow() < _period.Until ? _period.Epoch : gate.Epoch;
        }
    }

    private void BeginPeriod()
    {
        lock (_lock)
        {
            var now = time.GetUtcNow();
            if (now >= _period.Until) _period = (now + RaisePeriod, gate.Epoch);
        }
    }

    private static string Remedy(ulong epoch) => epoch <= MaxFloor
        ? string.Create(CultureInfo.InvariantCulture, $"replace the pod, or start the controllers with --epoch-floor={epoch}")
        : "replace the pod: no --epoch-floor can be that high";

    [LoggerMessage(LogLevel.Information, "The agent of {Pod} has observed epoch {Observed}: the epoch is {Epoch} now")]
    private partial void LogRaised(ObjectKey pod, ulong observed, ulong epoch);

    [LoggerMessage(LogLevel.Warning, "{Text}")]
    private partial void LogAhead(string text);
}
