using System.Globalization;
using ModuleController.Agent.Arklet;
using ModuleController.Agent.Artifacts;
using ModuleController.Agent.Hooks;
using ModuleController.Agent.Journal;
using ModuleController.Agent.Observing;
using ModuleController.Protocol;
using ModuleController.Protocol.V1;

namespace ModuleController.Agent.Commands;

/// <summary>
/// Brings one module in: looks what is there, fetches the jar, looks again, installs, and believes only what Arklet lists
/// afterwards. Whatever the answer was, the list decides.
/// </summary>
internal sealed class InstallCommand(CommandContext context)
{
    private readonly ModuleRef _module = context.Module;
    private readonly CommandHooks? _hooks = CommandHooks.Of(context.Command);
    private readonly CommandTools _tools = context.Tools;
    private readonly long _startedAt = context.Tools.Time.GetTimestamp();
    private CachedJar? _jar;
    private long _metaspace;
    private bool _removedBroken;
    private bool _isAnnounced;

    public async Task<Verdict> RunAsync()
    {
        while (true)
        {
            var view = await context.LookAsync(context.Deadline);
            if (view.Find(_module.Name, _module.Version) is { } present)
            {
                if (await FromPresentAsync(view, present) is { } verdict) return verdict;
                continue;
            }

            if (context.State.UnsettledInstall(_module.Name, _module.Version) is not null && !context.IsSettled(view, 0))
            {
                // An earlier attempt may still come out of the JVM's sockets.
                context.Enter(CommandPhase.Asking);
                await context.PauseAsync();
                continue;
            }

            if (_jar is null)
            {
                _jar = await FetchAsync();
                continue;
            }

            if (!_isAnnounced && _hooks?.Before is not null)
            {
                if (await AnnounceAsync() is { } failed) return failed;
                // Meanwhile others had the lane, and the cache.
                if (!File.Exists(_jar.Path)) _jar = null;
                continue;
            }

            if (await CallAsync(_jar) is { } outcome) return outcome;
        }
    }

    /// <summary>The time is over. A last look decides between late success, stuck, and not known.</summary>
    public async Task<Verdict> TimedOutAsync(CancellationToken cancellation)
    {
        if (!context.WasSent)
            return Verdict.Failed(
                context.Phase is CommandPhase.Downloading ? Reason.ArtifactUnreachable : Reason.InstallTimedOut, "TIMED_OUT",
                $"{context.Name}: the time was over {(context.Phase is CommandPhase.Downloading ? "during the download" : "before Arklet was called")}");

        var view = await _tools.Observer.ReadAsync(cancellation);
        var present = view?.Life?.Id == context.Life ? view.Find(_module.Name, _module.Version) : null;
        if (view is not null && IsAtRest(present))
        {
            context.Turn.Renew(InstallCompletion.TimeAfterDeadline);
            var completion = new InstallCompletion(context);
            if (await completion.CallPostInstallAsync() is { } failed) return failed;
            var owned = context.State.Intents.GetValueOrDefault(context.Command.Id) is { } intent
                ? new JournalRecord.Owned(Ownership.Installed(intent, view, present!))
                : completion.Owned(view, present!);
            return present!.State is ArkletBizState.Activated || !context.Command.Install.Activate
                ? Verdict.Success(present.State.ToString(), owned)
                : Verdict.Failed(Reason.SwitchFailed, "TIMED_OUT", $"{context.Name} is installed, the time was over before it was switched to")
                    .With(owned);
        }

        var seconds = CommandRunner.DeadlineOf(context.Command).TotalSeconds.ToString(CultureInfo.InvariantCulture);
        return Verdict.Failed(
            Reason.InstallTimedOut, "TIMED_OUT",
            $"{context.Name} did not come to rest in {seconds} s, it is {present?.State.ToString().ToLowerInvariant() ?? "not listed"}")
            .Unsettled()
            .With(present is null ? [] : [new JournalRecord.Stuck(_module.Name, _module.Version)]);
    }

    private static bool IsAtRest(ArkletBiz? present) => present is { State: ArkletBizState.Activated or ArkletBizState.Deactivated };

    /// <summary>Something of this name and version is there; null: look again.</summary>
    private async Task<Verdict?> FromPresentAsync(BaseView view, ArkletBiz present)
    {
        // Our own call is not asked about here: what it did is seen right after it.
        var earlier = context.State.UnsettledInstall(_module.Name, _module.Version, except: context.Command.Id);
        var owner = context.State.Owner(_module.Name, _module.Version)?.ModuleUid
            ?? earlier?.ModuleUid;
        if (owner != _module.ModuleUid)
            return owner is null
                ? Verdict.Failed(Reason.ForeignBiz, "BIZ_PRESENT", $"{context.Name} is there and was not installed by us: it can be adopted")
                : Verdict.Failed(Reason.ModuleNameConflict, "BIZ_OWNED", $"{context.Name} is there for module {owner}, which must go first");
        if (IsAtRest(present)) return await CompleteAsync(view, present, earlier);
        if (present.State is not (ArkletBizState.Broken or ArkletBizState.Stopped))
        {
            if (context.State.IsStuck(_module.Name, _module.Version))
                return Verdict.Failed(
                    Reason.InstallTimedOut, "STUCK", $"{context.Name} is stuck in its start: only a new life of the JVM helps")
                    .Unsettled();
            context.Enter(CommandPhase.Asking);
            await context.PauseAsync();
            return null;
        }

        // Once: what is broken again after that will be broken the next time too.
        if (_removedBroken) return Verdict.Failed(Reason.BizStartFailed, "BROKEN", $"{context.Name} is listed as broken");
        _removedBroken = true;
        context.Intend(CommandAction.Install, _jar);
        context.Checked(await _tools.Arklet.UninstallAsync(_module.Name, _module.Version, context.Deadline));
        return null;
    }

    private async Task<CachedJar> FetchAsync()
    {
        context.Enter(CommandPhase.Downloading);
        // A replay takes what this very Module was installed from, wherever its url leads by now.
        var before = context.State.Modules.FindLast(known => known.ModuleUid == _module.ModuleUid
            && known.Name == _module.Name && known.Version == _module.Version);
        var staged = context.State.StagedArtifacts.Find(known => known.ModuleUid == _module.ModuleUid);
        return await _tools.Artifacts.GetAsync(
            _module, context.Command.Install.Source, before?.Jar ?? staged?.Jar, () => context.Enter(CommandPhase.Verifying), context.Deadline);
    }

    private async Task<Verdict?> AnnounceAsync()
    {
        _isAnnounced = true;
        if (await context.CallAsync(_hooks!.Before) is not { } problem) return null;
        // Where the base has gone meanwhile, that is the news.
        await context.LookAsync(context.Deadline);
        return Verdict.Failed(Reason.HookFailed, "PRE_INSTALL", problem);
    }

    /// <summary>One call of Arklet; null: look again and decide anew.</summary>
    private async Task<Verdict?> CallAsync(CachedJar jar)
    {
        context.Intend(CommandAction.Install, jar);
        var result = context.Checked(
            await _tools.Arklet.InstallAsync(_module.Name, _module.Version, jar.Url, context.Deadline));
        _metaspace = result.ElapsedSpace ?? 0;
        switch (result.Outcome)
        {
            case ArkletOutcome.Success or ArkletOutcome.InternalError or ArkletOutcome.Unknown:
                return await AskAsync(result);
            case ArkletOutcome.Unreachable:
                return Verdict.Failed(Reason.ArkletUnreachable, "UNREACHABLE", result.Message ?? "Arklet was not reached");
            case ArkletOutcome.Repeat:
                // It came in between our look and our call: look whose it is.
                context.Enter(CommandPhase.Asking);
                await context.PauseAsync();
                return await RepeatedAsync();
            case ArkletOutcome.Conflict:
                context.Enter(CommandPhase.Asking);
                await context.PauseAsync();
                return null;
            default:
                return Verdict.StartFailed(result);
        }
    }

    private async Task<Verdict?> RepeatedAsync()
    {
        var view = await context.LookUntilAnsweredAsync();
        var earlier = context.State.UnsettledInstall(_module.Name, _module.Version, except: context.Command.Id);
        if (view.Find(_module.Name, _module.Version) is not { } present || present.State is ArkletBizState.Broken) return null;
        if (earlier is not null) return earlier.ModuleUid == _module.ModuleUid ? null : Owned(earlier.ModuleUid);
        return Verdict.Failed(Reason.ForeignBiz, "REPEAT_BIZ", $"{context.Name} appeared while it was being installed, and not by us");

        Verdict Owned(string uid) => Verdict.Failed(
            Reason.ModuleNameConflict, "BIZ_OWNED", $"{context.Name} is there for module {uid}, which must go first");
    }

    /// <summary>Arklet was called: asks until the module is at rest or gone.</summary>
    private async Task<Verdict> AskAsync(ArkletResult result)
    {
        var lostAt = _tools.Time.GetTimestamp();
        while (true)
        {
            if (result.Outcome is not ArkletOutcome.Success) context.Enter(CommandPhase.Asking);
            var view = await context.LookUntilAnsweredAsync();
            switch (view.Find(_module.Name, _module.Version))
            {
                case { State: ArkletBizState.Activated or ArkletBizState.Deactivated } present:
                    return await CompleteAsync(view, present, intent: null);
                case { State: ArkletBizState.Broken or ArkletBizState.Stopped }:
                    context.Checked(await _tools.Arklet.UninstallAsync(_module.Name, _module.Version, context.Deadline));
                    return Verdict.StartFailed(result);
                case null when result.Outcome is ArkletOutcome.InternalError:
                    return Verdict.StartFailed(result);
                case null when result.Outcome is ArkletOutcome.Success:
                    return Verdict.Failed(Reason.BizLost, result.Code, $"Arklet answered that {context.Name} is installed, and does not list it");
                case null when context.IsSettled(view, lostAt):
                    return Verdict.Failed(Reason.ArkletUnreachable, "NO_ANSWER", result.Message ?? "no answer came")
                        .Unsettled();
            }

            await context.PauseAsync();
        }
    }

    private Task<Verdict> CompleteAsync(BaseView view, ArkletBiz present, JournalRecord.Intended? intent) =>
        new InstallCompletion(context) { Jar = _jar, MetaspaceBytes = _metaspace, StartedAt = _startedAt }.RunAsync(view, present, intent);
}
