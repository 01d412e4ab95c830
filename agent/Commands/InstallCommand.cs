using System.Globalization;
using ModuleController.Agent.Arklet;
using ModuleController.Agent.Artifacts;
using ModuleController.Agent.Hooks;
using ModuleController.Agent.Journal;
using ModuleController.Agent.Observing;
using ModuleController.Protocol.V1;

namespace ModuleController.Agent.Commands;

/// <summary>
/// Installs one module: reads the base, fetches the jar, reads the base again, calls the preInstall hook and Arklet. The list of biz
/// decides about the outcome, whatever Arklet answered.
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
    private bool _isPreInstallCalled;

    public async Task<Verdict> RunAsync()
    {
        while (true)
        {
            var view = await context.ReadBaseAsync(context.Deadline);
            if (view.Find(_module.Name, _module.Version) is { } present)
            {
                if (await HandlePresentAsync(view, present) is { } verdict) return verdict;
                continue;
            }

            if (context.State.UnsettledInstall(_module.Name, _module.Version) is not null && !context.IsSettled(view, 0))
            {
                // The JVM may still execute an earlier attempt.
                context.Enter(CommandPhase.Asking);
                await context.WaitForNextPollAsync();
                continue;
            }

            if (_jar is null)
            {
                _jar = await FetchAsync();
                continue;
            }

            if (!_isPreInstallCalled && _hooks?.Before is not null)
            {
                if (await CallPreInstallAsync() is { } failed) return failed;
                // Meanwhile other commands may have evicted the jar.
                if (!File.Exists(_jar.Path)) _jar = null;
                continue;
            }

            if (await CallArkletAsync(_jar) is { } outcome) return outcome;
        }
    }

    /// <summary>At the deadline, the list of biz decides between success, stuck and unknown.</summary>
    public async Task<Verdict> TimedOutAsync(CancellationToken cancellation)
    {
        if (!context.WasSent)
            return context.Phase is CommandPhase.Downloading
                ? Verdict.Failed(Reason.ArtifactUnreachable, "TIMED_OUT", $"{context.Name}: timed out during the download")
                : Verdict.Failed(Reason.InstallTimedOut, "TIMED_OUT", $"{context.Name}: timed out before Arklet was called");

        var view = await _tools.Observer.ReadAsync(cancellation);
        var present = view?.Life?.Id == context.Life ? view.Find(_module.Name, _module.Version) : null;
        if (view is not null && present is { HasStarted: true })
        {
            context.Turn.RestartDeadline(InstallCompletion.TimeAfterDeadline);
            var completion = new InstallCompletion(context);
            if (await completion.CallPostInstallAsync() is { } failed) return failed;
            var owned = context.State.Intents.GetValueOrDefault(context.Command.Id) is { } intent
                ? new JournalRecord.Owned(Ownership.Installed(intent, view, present))
                : completion.Owned(view, present);
            return present.State is ArkletBizState.Activated || !context.Command.Install.Activate
                ? Verdict.Success(present.State.ToString(), owned)
                : Verdict.Failed(
                    Reason.SwitchFailed, "TIMED_OUT", $"{context.Name} is installed, but the deadline passed before it was made active")
                    .With(owned);
        }

        var seconds = CommandRunner.DeadlineOf(context.Command).TotalSeconds.ToString(CultureInfo.InvariantCulture);
        return Verdict.Failed(
            Reason.InstallTimedOut, "TIMED_OUT",
            $"{context.Name} did not finish its start in {seconds} s, it is {present?.State.ToString().ToLowerInvariant() ?? "not listed"}")
            .Unsettled()
            .With(present is null ? [] : [new JournalRecord.Stuck(_module.Name, _module.Version)]);
    }

    /// <summary>A biz of this name and version exists already. Null: read the base again.</summary>
    private async Task<Verdict?> HandlePresentAsync(BaseView view, ArkletBiz present)
    {
        // Not this command's own call: its outcome is read right after it.
        var earlier = context.State.UnsettledInstall(_module.Name, _module.Version, except: context.Command.Id);
        var owner = context.State.Owner(_module.Name, _module.Version)?.ModuleUid
            ?? earlier?.ModuleUid;
        if (owner != _module.ModuleUid)
            return owner is null
                ? Verdict.Failed(
                    Reason.ForeignBiz, "BIZ_PRESENT",
                    $"{context.Name} exists already and was not installed by ModuleController: it can be adopted")
                : InstalledFor(owner);
        if (present.HasStarted) return await CompleteAsync(view, present, earlier);
        if (!present.IsBroken)
        {
            if (context.State.IsStuck(_module.Name, _module.Version))
                return Verdict.Failed(
                    Reason.InstallTimedOut, "STUCK", $"{context.Name} is stuck while starting: only a restart of the JVM helps")
                    .Unsettled();
            context.Enter(CommandPhase.Asking);
            await context.WaitForNextPollAsync();
            return null;
        }

        // Only once per command.
        if (_removedBroken) return Verdict.Broken(context.Name);
        _removedBroken = true;
        context.Intend(IntentAction.Install, _jar);
        context.Checked(await _tools.Arklet.UninstallAsync(_module.Name, _module.Version, context.Deadline));
        return null;
    }

    private async Task<CachedJar> FetchAsync()
    {
        context.Enter(CommandPhase.Downloading);
        // A replay uses the jar that this Module was installed from, even if its url leads elsewhere now, or is not allowed any more.
        var before = context.State.Modules.FindLast(known => known.ModuleUid == _module.ModuleUid
            && known.Name == _module.Name && known.Version == _module.Version);
        var staged = context.State.StagedArtifacts.Find(known => known.ModuleUid == _module.ModuleUid);
        var source = context.Command.Install.Source;
        if (before?.Jar is { } installed
            && await _tools.Artifacts.TryReuseAsync(installed, _module, source, context.Deadline) is { } jar) return jar;
        return await _tools.Artifacts.GetAsync(
            _module, source, staged?.Jar, () => context.Enter(CommandPhase.Verifying), context.Deadline);
    }

    private async Task<Verdict?> CallPreInstallAsync()
    {
        _isPreInstallCalled = true;
        if (await context.CallHookAsync(HookEvents.PreInstall, _hooks!.Before) is not { } problem) return null;
        // Throws if the base life has ended meanwhile: that verdict comes before the one about the hook.
        await context.ReadBaseAsync(context.Deadline);
        return Verdict.Failed(Reason.HookFailed, "PRE_INSTALL", problem);
    }

    /// <summary>Calls Arklet once. Null: read the base again.</summary>
    private async Task<Verdict?> CallArkletAsync(CachedJar jar)
    {
        context.Intend(IntentAction.Install, jar);
        var result = context.Checked(
            await _tools.Arklet.InstallAsync(_module.Name, _module.Version, jar.Url, context.Deadline));
        _metaspace = result.ElapsedSpace ?? 0;
        switch (result.Outcome)
        {
            case ArkletOutcome.Success or ArkletOutcome.InternalError or ArkletOutcome.Unknown:
                return await PollAsync(result);
            case ArkletOutcome.Unreachable:
                return Verdict.Failed(Reason.ArkletUnreachable, "UNREACHABLE", result.Message ?? "Arklet is unreachable");
            case ArkletOutcome.Repeat:
                // The biz appeared after the base was read: find its owner.
                context.Enter(CommandPhase.Asking);
                await context.WaitForNextPollAsync();
                return await ResolveRepeatAsync();
            case ArkletOutcome.Conflict:
                context.Enter(CommandPhase.Asking);
                await context.WaitForNextPollAsync();
                return null;
            default:
                return Verdict.StartFailed(result);
        }
    }

    private async Task<Verdict?> ResolveRepeatAsync()
    {
        var view = await context.ReadBaseUntilAnsweredAsync();
        var earlier = context.State.UnsettledInstall(_module.Name, _module.Version, except: context.Command.Id);
        if (view.Find(_module.Name, _module.Version) is not { } present || present.State is ArkletBizState.Broken) return null;
        if (earlier is not null) return earlier.ModuleUid == _module.ModuleUid ? null : InstalledFor(earlier.ModuleUid);
        return Verdict.Failed(Reason.ForeignBiz, "REPEAT_BIZ", $"{context.Name} was installed by someone else during the install");
    }

    private Verdict InstalledFor(string uid) => Verdict.Failed(
        Reason.ModuleNameConflict, "BIZ_OWNED", $"{context.Name} is installed for module {uid}, which must be removed first");

    /// <summary>After the call: polls until the module has started or is not listed any more.</summary>
    private async Task<Verdict> PollAsync(ArkletResult result)
    {
        var lostAt = _tools.Time.GetTimestamp();
        while (true)
        {
            if (result.Outcome is not ArkletOutcome.Success) context.Enter(CommandPhase.Asking);
            var view = await context.ReadBaseUntilAnsweredAsync();
            switch (view.Find(_module.Name, _module.Version))
            {
                case { HasStarted: true } present:
                    return await CompleteAsync(view, present, intent: null);
                case { IsBroken: true }:
                    context.Checked(await _tools.Arklet.UninstallAsync(_module.Name, _module.Version, context.Deadline));
                    return Verdict.StartFailed(result);
                case null when result.Outcome is ArkletOutcome.InternalError:
                    return Verdict.StartFailed(result);
                case null when result.Outcome is ArkletOutcome.Success:
                    return Verdict.Failed(
                        Reason.BizLost, result.Code, $"Arklet answered that {context.Name} is installed, but does not list it");
                case null when context.IsSettled(view, lostAt):
                    return Verdict.Failed(Reason.ArkletUnreachable, "NO_ANSWER", result.Message ?? "no answer")
                        .Unsettled();
            }

            await context.WaitForNextPollAsync();
        }
    }

    private Task<Verdict> CompleteAsync(BaseView view, ArkletBiz present, JournalRecord.Intended? intent) =>
        new InstallCompletion(context) { Jar = _jar, MetaspaceBytes = _metaspace, StartedAt = _startedAt }.RunAsync(view, present, intent);
}
