using ModuleController.Agent.Arklet;
using ModuleController.Agent.Journal;
using ModuleController.Protocol.V1;

namespace ModuleController.Agent.Commands;

/// <summary>Makes a version of a module the active one. The list of biz decides about the outcome.</summary>
internal sealed class SwitchCommand(CommandContext context)
{
    private readonly ModuleRef _module = context.Module;

    public async Task<Verdict> RunAsync()
    {
        var view = await context.ReadBaseAsync(context.Deadline);
        if (view.Find(_module.Name, _module.Version) is null)
            return Verdict.Failed(Reason.SwitchFailed, "NOT_FOUND_BIZ", $"{context.Name} is not installed");
        if (ModuleOwnership.FindConflict(context) is { } conflict) return conflict;
        context.Intend(IntentAction.Switch, null);
        return await SwitchAsync();
    }

    /// <summary>Calls Arklet and polls until the outcome is known. The module must be ours.</summary>
    public async Task<Verdict> SwitchAsync()
    {
        while (true)
        {
            var result = context.Checked(
                await context.Tools.Arklet.SwitchAsync(_module.Name, _module.Version, context.Deadline));
            var view = await context.ReadBaseUntilAnsweredAsync();
            var state = view.Find(_module.Name, _module.Version)?.State;
            if (state is ArkletBizState.Activated) return Activated();
            if (result.Outcome is not (ArkletOutcome.Conflict or ArkletOutcome.Unknown))
                return Verdict.Failed(
                    Reason.SwitchFailed, result.Code,
                    $"{context.Name} is {state?.ToString().ToLowerInvariant() ?? "not listed"}: {result.Cause ?? result.Message}");
            // Arklet accepts a switch to the active version, so it may be sent again.
            context.Enter(CommandPhase.Asking);
            await context.WaitForNextPollAsync();
        }
    }

    public Verdict TimedOut() =>
        Verdict.Failed(Reason.SwitchFailed, "TIMED_OUT", $"{context.Name} was not active in time") with { IsUnsettled = true };

    public Verdict Activated() => context.State.Owner(_module.Name, _module.Version) is { } owned
        ? Verdict.Success("SUCCESS", new JournalRecord.Owned(owned with { Active = true }))
        : Verdict.Success("SUCCESS");
}

/// <summary>Checks that a command may change a module.</summary>
internal static class ModuleOwnership
{
    /// <summary>The failure for a biz of another Module or of none; null: it belongs to the command's Module.</summary>
    public static Verdict? FindConflict(CommandContext context)
    {
        var module = context.Module;
        var owner = context.State.Owner(module.Name, module.Version)?.ModuleUid
            ?? context.State.UnsettledInstall(module.Name, module.Version)?.ModuleUid;
        if (owner == module.ModuleUid) return null;
        return owner is null
            ? Verdict.Failed(
                Reason.ForeignBiz, "BIZ_PRESENT", $"{context.Name} was not installed by ModuleController, so it is not changed")
            : Verdict.Failed(Reason.ModuleNameConflict, "BIZ_OWNED", $"{context.Name} belongs to module {owner}");
    }
}
