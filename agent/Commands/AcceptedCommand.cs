using ModuleController.Agent.Hooks;
using ModuleController.Agent.Journal;
using ModuleController.Protocol.V1;

namespace ModuleController.Agent.Commands;

/// <summary>A command that was accepted and is not answered yet.</summary>
/// <param name="acceptedAt">A timestamp of the TimeProvider.</param>
internal sealed class AcceptedCommand(Command command, long acceptedAt)
{
    public Command Command => command;

    public long AcceptedAt => acceptedAt;

    public ModuleRef Module { get; } = command.Module()!;

    /// <summary>Inspections and fetches do not call Arklet.</summary>
    public bool CallsArklet => command.ActionCase is not (Command.ActionOneofCase.Inspect or Command.ActionOneofCase.Fetch);

    public bool HasHooks { get; } = CommandHooks.Of(command) is not null;

    /// <summary>The intent of an earlier agent process, where this command is recovered rather than executed.</summary>
    public JournalRecord.Intended? Recovered { get; init; }

    /// <summary>Completed with the result, where a self-replay waits for it.</summary>
    public TaskCompletionSource<CommandResult>? Done { get; init; }

    public CommandPhase Phase { get; set; } = CommandPhase.Queued;

    public bool HasStarted { get; set; }
}
