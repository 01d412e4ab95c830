using ModuleController.Agent.Arklet;
using ModuleController.Agent.Hooks;
using ModuleController.Agent.Journal;
using ModuleController.Protocol;
using ModuleController.Protocol.V1;

namespace ModuleController.Agent.Commands;

/// <summary>Takes one module out. It succeeded when Arklet doesn't list it any more, whatever the answer was.</summary>
internal sealed class UninstallCommand(CommandContext context)
{
    private readonly ModuleRef _module = context.Module;
    private readonly CommandHooks? _hooks = CommandHooks.Of(context.Command);
    private bool _isAnnounced;

    public async Task<Verdict> RunAsync()
    {
        while (true)
        {
            var view = await context.LookAsync(context.Deadline);
            if (view.Find(_module.Name, _module.Version) is not { } present)
            {
                // An install that timed out may still come out of the JVM's sockets.
                if (context.State.UnsettledInstall(_module.Name, _module.Version) is null || context.IsSettled(view, 0))
                    return Removed("ABSENT");
            }
            else
            {
                if (CommandContextChecks.NotOurs(context) is { } notOurs) return notOurs;
                if (present.State is not (ArkletBizState.Resolved or ArkletBizState.Unresolved))
                {
                    if (_isAnnounced || _hooks?.Before is null) return await CallAsync();
                    if (await AnnounceAsync() is { } failed) return failed;
                    continue;
                }

                if (context.State.IsStuck(_module.Name, _module.Version))
                    return Verdict.Failed(
                        Reason.UninstallFailed, "STUCK", $"{context.Name} is stuck in its start: only a new life of the JVM removes it")
                        .Unsettled();
            }

            context.Enter(CommandPhase.Asking);
            await context.PauseAsync();
        }
    }

    public async Task<Verdict> TimedOutAsync(CancellationToken cancellation)
    {
        var view = await context.Tools.Observer.ReadAsync(cancellation);
        if (context.WasSent && view?.Life?.Id == context.Life && view.Find(_module.Name, _module.Version) is null)
            return await GoneAsync("SUCCESS");
        return Verdict.Failed(Reason.UninstallFailed, "TIMED_OUT", $"{context.Name} was not gone in time") with
        {
            IsUnsettled = context.WasSent,
            Records = context.WasSent ? [new JournalRecord.Stuck(_module.Name, _module.Version)] : [],
        };
    }

    private Verdict Removed(string code) => Verdict.Success(code, new JournalRecord.Gone(_module.Name, _module.Version));

    private async Task<Verdict?> AnnounceAsync()
    {
        _isAnnounced = true;
        if (await context.CallAsync(_hooks!.Before) is not { } problem) return null;
        // Where the base has gone meanwhile, that is the news.
        await context.LookAsync(context.Deadline);
        return Verdict.Failed(Reason.HookFailed, "PRE_UNINSTALL", problem);
    }

    /// <summary>It was taken out by this command: the last hook can't change that any more.</summary>
    public async Task<Verdict> GoneAsync(string code)
    {
        var gone = Removed(code);
        return await context.CallAsync(_hooks?.After) is { } problem
            ? Verdict.Failed(Reason.HookFailed, "POST_UNINSTALL", problem).With(gone.Records)
            : gone;
    }

    private async Task<Verdict> CallAsync()
    {
        context.Intend(CommandAction.Uninstall, null);
        var verdict = await TakeOutAsync();
        return verdict.Outcome is Outcome.Succeeded ? await GoneAsync(verdict.Code) : verdict;
    }

    /// <summary>The call, and as many looks as it takes to know; for a module that is known to be ours.</summary>
    public async Task<Verdict> TakeOutAsync()
    {
        while (true)
        {
            var result = context.Checked(
                await context.Tools.Arklet.UninstallAsync(_module.Name, _module.Version, context.Deadline));
            var lostAt = context.Tools.Time.GetTimestamp();
            if (result.Outcome is not ArkletOutcome.Success) context.Enter(CommandPhase.Asking);
            while (true)
            {
                var view = await context.LookUntilAnsweredAsync();
                if (view.Find(_module.Name, _module.Version) is null) return Removed(result.Code.Length > 0 ? result.Code : "SUCCESS");
                if (result.Outcome is not ArkletOutcome.Unknown || context.IsSettled(view, lostAt)) break;
                await context.PauseAsync();
            }

            if (result.Outcome is not ArkletOutcome.Conflict)
                return Verdict.Failed(
                    Reason.UninstallFailed, result.Code, $"{context.Name} is still there: {result.Cause ?? result.Message ?? "Arklet gives no cause"}")
                    .Unsettled(result.Outcome is ArkletOutcome.Unknown);
            await context.PauseAsync();
        }
    }
}
