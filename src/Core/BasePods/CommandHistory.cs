using ModuleController.Core.Agents;
using ModuleController.Core.Commands;

namespace ModuleController.Core.BasePods;

/// <summary>How the commands of the current base life ended: answers on this stream, and attempts that the agent's journal
/// counts.</summary>
internal sealed class CommandHistory
{
    private readonly Dictionary<(string ModuleUid, string Action), (int Attempt, CommandAnswer Answer)> _answers = [];
    private readonly Dictionary<(string ModuleUid, string Action), EndedAttempt> _attempts = [];

    public CommandHistory(BaseView? view, BaseLife? life)
    {
        if (view is null || life is null) return;
        foreach (var answer in view.Answers.Values)
            if (CommandId.Parse(answer.CommandId) is { } id && id.BaseLife == life.Id
                && !(LastAnswer(id.ModuleUid, id.Action)?.Attempt >= id.Attempt))
                _answers[(id.ModuleUid, id.Action)] = (id.Attempt, answer);
        foreach (var counted in view.Attempts)
        {
            if (CommandId.Parse(counted.CommandId) is { } id && id.BaseLife == life.Id
                && !(_attempts.TryGetValue((id.ModuleUid, id.Action), out var known) && known.Number >= id.Attempt))
                _attempts[(id.ModuleUid, id.Action)] = new(id.Attempt, counted.Outcome, counted.Reason, counted.AnsweredAt);
        }
    }

    /// <summary>The end of one attempt at a command.</summary>
    public readonly record struct EndedAttempt(int Number, CommandOutcome Outcome, FailureReason? Reason, DateTimeOffset EndedAt);

    /// <summary>The answer to the highest attempt.</summary>
    public (int Attempt, CommandAnswer Answer)? LastAnswer(string moduleUid, string action) =>
        _answers.TryGetValue((moduleUid, action), out var found) ? found : null;

    /// <summary>The highest attempt, answered on this stream or before it.</summary>
    public EndedAttempt? LastAttempt(string moduleUid, string action)
    {
        var last = LastAnswer(moduleUid, action);
        if (_attempts.TryGetValue((moduleUid, action), out var counted) && !(last?.Attempt >= counted.Number)) return counted;
        return last is { } found ? new(found.Attempt, found.Answer.Outcome, found.Answer.Reason, found.Answer.ReceivedAt) : null;
    }

    /// <summary>Whether the outcome of a command that ended until then is unknown: it may still run in a JVM that was paused.</summary>
    public bool HasUnresolved(DateTimeOffset until) => _answers.Values.Any(item =>
        item.Answer.ReceivedAt <= until && item.Answer.Reason is FailureReason.InstallTimedOut or FailureReason.UninstallFailed
            or FailureReason.ArkletUnreachable or FailureReason.AgentDisconnected or FailureReason.SwitchFailed);
}
