using ModuleController.Protocol;
using ModuleController.Protocol.V1;

namespace ModuleController.Agent.Journal;

/// <summary>An attempt that the journal has an answer to: who counts attempts goes on above it.</summary>
public sealed record AnsweredAttempt(CommandId Id, Outcome Outcome, Reason Reason, DateTimeOffset? At)
{
    public (string ModuleUid, CommandAction Action, int Source) Key => KeyOf(Id);

    /// <summary>How many attempts up to this one Arklet rejected.</summary>
    public int Rejections { get; init; }

    /// <summary>What may still be carried out was not rejected.</summary>
    private bool IsRejection { get; init; }

    /// <summary>Null where nobody counts: installs and fetches are counted in the Module's status, and what we do by ourselves has no attempts.</summary>
    public static AnsweredAttempt? From(JournalRecord.Finished finished)
    {
        if (Parse(finished.CommandId) is not { } id) return null;
        var result = CommandResult.Parser.ParseFrom(finished.Result);
        return new(id, result.Outcome, result.Reason, finished.At)
        {
            IsRejection = result is { Outcome: Outcome.Failed, Reason: Reason.UninstallFailed } && !finished.Unsettled,
        };
    }

    /// <summary>With the rejections of the attempts before it. An answer may be known more than once.</summary>
    public AnsweredAttempt After(AnsweredAttempt? before) => this with
    {
        Rejections = (before?.Rejections ?? 0) + (IsRejection ? 1 : 0) - (before is { IsRejection: true } && before.Id == Id ? 1 : 0),
    };

    public static (string ModuleUid, CommandAction Action, int Source)? KeyOf(string commandId) =>
        Parse(commandId) is { } id ? KeyOf(id) : null;

    private static (string ModuleUid, CommandAction Action, int Source) KeyOf(CommandId id) =>
        (id.ModuleUid, id.Action, id.Action is CommandAction.Inspect ? id.Attempt / Limits.InspectionsPerSource : 0);

    private static CommandId? Parse(string commandId) =>
        CommandId.TryParse(commandId, out var id) && id!.Action is not (CommandAction.Install or CommandAction.Fetch) ? id : null;
}
