using ModuleController.Agent.Arklet;
using ModuleController.Agent.Hooks;
using ModuleController.Agent.Journal;
using ModuleController.Protocol.V1;

namespace ModuleController.Agent.Commands;

/// <summary>Uninstalls one module. It has succeeded when Arklet does not list the biz any more, whatever Arklet answered.</summary>
internal sealed class UninstallCommand(CommandContext context)
{
    private readonly ModuleRef _module = context.Module;
    private readonly CommandHooks? _hooks = CommandHooks.Of(context.Command);
    private bool _isPreUninstallCalled;

    public async Task<Verdict> RunAsync()
    {
        while (true)
        {
            var view = await context.ReadBaseAsync(context.Deadline);
            if (view.Find(_module.Name, _module.Version) is not { } present)
            {
                // The JVM may still execute an install that timed out.
                if (context.State.UnsettledInstall(_module.Name, _module.Version) is null || context.IsSettled(view, 0))
                    return Removed("ABSENT");
            }
            else
            {
                if (ModuleOwnership.FindConflict(context) is { } conflict) return conflict;
                if (!present.IsStarting)
                {
                    if (_isPreUninstallCalled || _hooks?.Before is null) return await CallArkletAsync();
                    if (await CallPreUninstallAsync() is { } failed) return failed;
                    continue;
                }

                if (context.State.IsStuck(_module.Name, _module.Version))
                    return Verdict.Failed(
                        Reason.UninstallFailed, "STUCK", $"{context.Name} is stuck while starting: only a restart of the JVM removes it")
                        .Unsettled();
            }

            context.Enter(CommandPhase.Asking);
            await context.WaitForNextPollAsync();
        }
    }

    public async Task<Verdict> TimedOutAsync(CancellationToken cancellation)
    {
        var view = await context.Tools.Observer.ReadAsync(cancellation);
        if (context.WasSent && view?.Life?.Id == context.Life && view.Find(_module.Name, _module.Version) is null)
            return await CompleteAsync("SUCCESS");
        return Verdict.Failed(Reason.UninstallFailed, "TIMED_OUT", $"{context.Name} was not removed in time") with
        {
            IsUnsettled = context.WasSent,
            Records = context.WasSent ? [new JournalRecord.Stuck(_module.Name, _module.Version)] : [],
        };
    }

    private Verdict Removed(string code) => Verdict.Success(code, new JournalRecord.Removed(_module.Name, _module.Version));

    private async Task<Verdict?> CallPreUninstallAsync()
    {
        _isPreUninstallCalled = true;
        if (await context.CallHookAsync(HookEvents.PreUninstall, _hooks!.Before) is not { } problem) return null;
        // If the base life has ended meanwhile, that is the verdict.
        await context.ReadBaseAsync(context.Deadline);
        return Verdict.Failed(Reason.HookFailed, "PRE_UNINSTALL", problem);
    }

    /// <summary>The biz was removed by this command. A failing postUninstall hook does not change that.</summary>
    public async Task<Verdict> CompleteAsync(string code)
    {
        var removed = Removed(code);
        return await context.CallHookAsync(HookEvents.PostUninstall, _hooks?.After) is { } problem
            ? Verdict.Failed(Reason.HookFailed, "POST_UNINSTALL", problem).With(removed.Records)
            : removed;
    }

    private async Task<Verdict> CallArkletAsync()
    {
        context.Intend(IntentAction.Uninstall, null);
        var verdict = await UninstallAsync();
        return verdict.Outcome is Outcome.Succeeded ? await CompleteAsync(verdict.Code) : verdict;
    }

    /// <summary>Calls Arklet and polls until the outcome is known. The module must be ours.</summary>
    public async Task<Verdict> UninstallAsync()
    {
        while (true)
        {
            var result = context.Checked(
                await context.Tools.Arklet.UninstallAsync(_module.Name, _module.Version, context.Deadline));
            var lostAt = context.Tools.Time.GetTimestamp();
            if (result.Outcome is not ArkletOutcome.Success) context.Enter(CommandPhase.Asking);
            while (true)
            {
                var view = await context.ReadBaseUntilAnsweredAsync();
                if (view.Find(_module.Name, _module.Version) is null) return Removed(result.Code.Length > 0 ? result.Code : "SUCCESS");
                if (result.Outcome is not ArkletOutcome.Unknown || context.IsSettled(view, lostAt)) break;
                await context.WaitForNextPollAsync();
            }

            if (result.Outcome is not ArkletOutcome.Conflict)
                return Verdict.Failed(
                    Reason.UninstallFailed, result.Code,
                    $"{context.Name} is still installed: {result.Cause ?? result.Message ?? "Arklet gave no cause"}")
                    .Unsettled(result.Outcome is ArkletOutcome.Unknown);
            await context.WaitForNextPollAsync();
        }
    }
}
