using ModuleController.Core.Agents;

namespace ModuleController.SystemTests.Harness;

/// <summary>
/// The time of day, but until the first controller leads it is earlier by the time in which agents report: a test does not wait
/// for it. After a restart of the controller agents have it in full. Timers and durations are real.
/// </summary>
internal sealed class EarlierStart(Func<bool> leads) : TimeProvider
{
    private volatile bool _hasLed;

    public override DateTimeOffset GetUtcNow()
    {
        if (!_hasLed && leads()) _hasLed = true;
        return _hasLed ? base.GetUtcNow() : base.GetUtcNow() - AgentPresence.TimeToReport;
    }
}
