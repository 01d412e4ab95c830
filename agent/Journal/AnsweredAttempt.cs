using ModuleController.Core.Commands;
using ModuleController.Protocol;
using ModuleController.Protocol.V1;

namespace ModuleController.Agent.Journal;

/// <summary>An attempt that the journal has an answer to. The next attempt has a higher number.</summary>
public sealed record AnsweredAttempt(CommandId Id, Outcome Outcome, Reason Reason, DateTimeOffset? At)
{
    public (string ModuleUid, string Action, int Source) Key => KeyOf(Id);

    /// <summary>How many attempts, including this one, were rejected by Arklet.</summary>
    public int Rejections { get; init; }

    /// <summary>An unsettled uninstall is not a rejection: the JVM may still carry it out.</summary>
    private bool IsRejection { get; init; }

    /// <summary>
    /// Null: attempts are not counted here. Those of installs and fetches are in the Module's status, and the agent's own commands have
    /// none.
    /// </summary>
    public static AnsweredAttempt? From(JournalRecord.Finished finished)
    {
        if (Parse(finished.CommandId) is not { } id) return null;
        var result = CommandResult.Parser.ParseFrom(finished.Result);
        return new(id, result.Outcome, result.Reason, finished.At)
        {
            IsRejection = result is { Outcome: Outcome.Failed, Reason: Reason.UninstallFailed } && !finished.Unsettled,
        };
    }

    /// <summary>Adds the rejections of earlier attempts. An answer that is recorded twice counts once.</summary>
    public AnsweredAttempt After(AnsweredAttempt? before) => this with
    {
        Rejections = (before?.Rejections ?? 0) + (IsRejection ? 1 : 0) - (before is { IsRejection: true } && before.Id == Id ? 1 : 0),
    };

    public static (string ModuleUid, string Action, int Source)? KeyOf(string commandId) =>
        Parse(commandId) is { } id ? KeyOf(id) : null;

    private static (string ModuleUid, string Action, int Source) KeyOf(CommandId id) =>
        (id.ModuleUid, id.Action, id.Action is CommandAction.Inspect ? id.Attempt / Limits.InspectionsPerSource : 0);

    private static CommandId? Parse(string commandId) =>
        CommandId.Parse(commandId) is { Action: not (CommandAction.Install or CommandAction.Fetch) } id ? id : null;
}
