using ModuleController.Agent.Arklet;
using ModuleController.Agent.Journal;
using ModuleController.Protocol;
using ModuleController.Protocol.V1;

namespace ModuleController.Agent.Commands;

/// <summary>Makes a version of a module the active one, and believes it when Arklet lists it so.</summary>
internal sealed class SwitchCommand(CommandContext context)
{
    private readonly ModuleRef _module = context.Module;

    public async Task<Verdict> RunAsync()
    {
        var view = await context.LookAsync(context.Deadline);
        if (view.Find(_module.Name, _module.Version) is null)
            return Verdict.Failed(Reason.SwitchFailed, "NOT_FOUND_BIZ", $"{context.Name} is not installed");
        if (CommandContextChecks.NotOurs(context) is { } notOurs) return notOurs;
        context.Intend(CommandAction.Switch, null);
        return await SwitchAsync();
    }

    /// <summary>The call, and as many looks as it takes to know; for a module that is known to be ours.</summary>
    public async Task<Verdict> SwitchAsync()
    {
        while (true)
        {
            var result = context.Checked(
                await context.Tools.Arklet.SwitchAsync(_module.Name, _module.Version, context.Deadline));
            var view = await context.LookUntilAnsweredAsync();
            var state = view.Find(_module.Name, _module.Version)?.State;
            if (state is ArkletBizState.Activated) return Activated();
            if (result.Outcome is not (ArkletOutcome.Conflict or ArkletOutcome.Unknown))
                return Verdict.Failed(
                    Reason.SwitchFailed, result.Code, $"{context.Name} is {state?.ToString().ToLowerInvariant() ?? "gone"}: {result.Cause ?? result.Message}");
            // Switching to what is active already is a success: it may be sent again.
            context.Enter(CommandPhase.Asking);
            await context.PauseAsync();
        }
    }

    public Verdict TimedOut() =>
        Verdict.Failed(Reason.SwitchFailed, "TIMED_OUT", $"{context.Name} was not the active one in time") with { IsUnsettled = true };

    public Verdict Activated() => context.State.Owner(_module.Name, _module.Version) is { } owned
        ? Verdict.Success("SUCCESS", new JournalRecord.Owned(owned with { Active = true }))
        : Verdict.Success("SUCCESS");
}

/// <summary>Whose a module is, seen from a command.</summary>
internal static class CommandContextChecks
{
    /// <summary>The verdict on a module of another Module or of nobody; null: it is ours to touch.</summary>
    public static Verdict? NotOurs(CommandContext context)
    {
        var module = context.Module;
        var owner = context.State.Owner(module.Name, module.Version)?.ModuleUid
            ?? context.State.UnsettledInstall(module.Name, module.Version)?.ModuleUid;
        if (owner == module.ModuleUid) return null;
        return owner is null
            ? Verdict.Failed(Reason.ForeignBiz, "BIZ_PRESENT", $"{context.Name} was not installed by us: it is left alone")
            : Verdict.Failed(Reason.ModuleNameConflict, "BIZ_OWNED", $"{context.Name} belongs to module {owner}");
    }
}
