using ModuleController.Core.Agents;
using ModuleController.Core.Commands;

namespace ModuleController.Core.BasePods;

/// <summary>What one Module needs next.</summary>
/// <param name="Phase">Null: the status stays as it is.</param>
/// <param name="Message">What it waits for, for an operator.</param>
internal sealed record ModuleStep(string? Phase = null, string? Message = null)
{
    /// <summary>Sent as soon as the base is free for it.</summary>
    public ModuleCommand? Command { get; init; }

    /// <summary>When the passing of time alone changes the step; null: only an event does.</summary>
    public DateTimeOffset? Until { get; init; }

    public static ModuleStep None { get; } = new();

    public static ModuleStep Send(BasePodFacts pod, string phase, ModuleCommand command)
    {
        var (message, until) = pod.Commands.TurnOf(command, pod.Find);
        return new(phase, message) { Command = command, Until = until };
    }

    /// <summary>The next attempt of an action whose attempts only the agent counts. Answered attempts are not repeated.</summary>
    public static ModuleStep Repeat(BasePodFacts pod, string phase, string uid, string action, Func<int, ModuleCommand> command)
    {
        if (pod.History.LastAttempt(uid, action) is not { } last) return Send(pod, phase, command(1));
        var until = last.EndedAt + last.Outcome switch
        {
            CommandOutcome.Succeeded => BasePodTimes.EffectShows,
            CommandOutcome.Refused => BasePodTimes.Refused,
            _ => RetryPolicy.Delay(last.Number, RetryPolicy.Jitter(uid, last.Number)),
        };
        if (pod.HasPassed(until)) return Send(pod, phase, command(last.Number + 1));
        var message = last switch
        {
            { Outcome: CommandOutcome.Refused } => $"the agent of pod {pod.State.Key} refused the {action}; it is sent again",
            { Reason: { } reason } => $"waiting for the next attempt to {action}: the last one failed with {reason}",
            _ => $"waiting for the next attempt to {action}",
        };
        return new(phase, message) { Until = until };
    }
}
