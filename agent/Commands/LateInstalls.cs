using ModuleController.Agent.Arklet;
using ModuleController.Agent.Journal;
using ModuleController.Agent.Observing;
using ModuleController.Protocol.V1;

namespace ModuleController.Agent.Commands;

/// <summary>
/// Installs that finished in the JVM after their command was answered as timed out or unknown. Where they have a postInstall hook, they are
/// not installed before that hook was called, so a command of the agent's own completes them.
/// </summary>
internal static class LateInstalls
{
    public static IEnumerable<Command> FindDue(CommandJournal journal, BaseView view)
    {
        var state = journal.State;
        if (state.Intents.IsEmpty || view.Life?.Id != state.Life) yield break;
        foreach (var module in view.Modules.Where(module => module.HasStarted))
        {
            if (state.Owner(module.Name, module.Version) is not null
                || state.UnsettledInstall(module.Name, module.Version) is not { Hooks.After: not null } intent
                || !state.Results.ContainsKey(intent.CommandId)) continue;
            var command = intent.ToCommand(state.Life!);
            command.Id = $"{intent.ModuleUid}/finish/{state.Life}/0";
            if (!IsAbandoned(module, intent, command.Id)) yield return command;
        }

        // Its hook failed, and so did the uninstall that followed.
        bool IsAbandoned(ArkletBiz module, JournalRecord.Intended intent, string id) =>
            state.IsStuck(module.Name, module.Version) && (HookFailed(intent.CommandId) || HookFailed(id));

        bool HookFailed(string id) => journal.FindResult(id)?.Reason is Reason.HookFailed;
    }
}
