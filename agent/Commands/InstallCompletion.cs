using ModuleController.Agent.Arklet;
using ModuleController.Agent.Artifacts;
using ModuleController.Agent.Hooks;
using ModuleController.Agent.Journal;
using ModuleController.Agent.Observing;
using ModuleController.Protocol.V1;

namespace ModuleController.Agent.Commands;

/// <summary>
/// What follows when Arklet lists the module as started: its postInstall hook, the entry in the journal, and the switch where the new
/// version is to be the active one.
/// </summary>
internal sealed class InstallCompletion(CommandContext context)
{
    /// <summary>What is left for reading the base and for an uninstall when a hook ends after the deadline of its command.</summary>
    public static readonly TimeSpan TimeAfterDeadline = TimeSpan.FromSeconds(60);

    private readonly ModuleRef _module = context.Module;
    private readonly CommandHooks? _hooks = CommandHooks.Of(context.Command);
    private readonly CommandTools _tools = context.Tools;

    /// <summary>The jar that this command fetched; null: it did not call Arklet itself.</summary>
    public CachedJar? Jar { get; init; }

    public long MetaspaceBytes { get; init; }

    /// <summary>A timestamp of the TimeProvider.</summary>
    public long StartedAt { get; init; } = context.Tools.Time.GetTimestamp();

    /// <param name="intent">The intent that led to <paramref name="present"/>, where another command or process called Arklet.</param>
    public async Task<Verdict> RunAsync(BaseView view, ArkletBiz present, JournalRecord.Intended? intent)
    {
        if (await CallPostInstallAsync() is { } failed) return failed;
        // Where this command did not call Arklet, the journal's entry has digest and duration.
        var owned = context.State.Owner(_module.Name, _module.Version) is { } known && !context.WasSent ? new JournalRecord.Owned(known)
            : intent is not null ? new JournalRecord.Owned(Ownership.Installed(intent, view, present))
            : Owned(view, present);
        var verdict = Verdict.Success(context.WasSent || intent is not null ? "SUCCESS" : "PRESENT", owned) with
        {
            Artifact = ToArtifact(owned.Module),
            MetaspaceBytes = owned.Module.MetaspaceBytes,
        };
        if (present.State is ArkletBizState.Activated || !context.Command.Install.Activate) return verdict;

        // Arklet leaves a second version deactivated. It is installed, and owned even if the switch fails.
        _tools.Journal.Append(owned);
        if (!context.WasSent) context.Intend(IntentAction.Switch, null);
        var switched = await new SwitchCommand(context).SwitchAsync();
        return switched.Outcome is Outcome.Succeeded ? verdict with { Records = switched.Records } : switched;
    }

    /// <summary>Null: the module is installed. Otherwise the failure, after which the module has been uninstalled again.</summary>
    public async Task<Verdict?> CallPostInstallAsync()
    {
        if (_hooks?.After is null || context.State.Owner(_module.Name, _module.Version) is not null) return null;
        var problem = await context.CallHookAsync(HookEvents.PostInstall, _hooks.After);
        // Ends the command if the base life ended during the hook.
        var view = await context.ReadBaseUntilAnsweredAsync();
        if (problem is not null) return await UninstallAsync(problem);
        return view.Find(_module.Name, _module.Version) is { HasStarted: true }
            ? null
            : Verdict.Failed(Reason.BizLost, "NOT_FOUND_BIZ", $"{context.Name} was not installed any more after its postInstall hook");
    }

    public JournalRecord.Owned Owned(BaseView view, ArkletBiz present) => new(new InstalledModule(
        _module.ModuleUid, _module.Name, _module.Version, view.Life!.Id, Jar?.Sha256, Jar?.Path,
        present.WebContextPath ?? Jar?.Manifest.WebContextPath, _tools.Time.GetUtcNow(), _tools.Time.GetElapsedTime(StartedAt),
        MetaspaceBytes, present.State is ArkletBizState.Activated, _hooks, ReplayOrder.Of(context.Command)));

    /// <summary>The next attempt starts without the module.</summary>
    private async Task<Verdict> UninstallAsync(string problem)
    {
        context.Turn.RestartDeadline(TimeAfterDeadline);
        context.Enter(CommandPhase.Executing);
        string left;
        try
        {
            var undone = await new UninstallCommand(context).UninstallAsync();
            if (undone.Outcome is Outcome.Succeeded) return Verdict.Failed(Reason.HookFailed, "POST_INSTALL", problem);
            left = undone.Message;
        }
        catch (OperationCanceledException) when (!context.Turn.IsStopping)
        {
            left = $"{context.Name} was not removed in time";
        }

        return Verdict.Failed(Reason.HookFailed, "POST_INSTALL", $"{problem}; the module could not be uninstalled again: {left}")
            .Unsettled()
            .With(new JournalRecord.Stuck(_module.Name, _module.Version));
    }

    private Artifact ToArtifact(InstalledModule module) => Jar?.ToArtifact() ?? new()
    {
        Name = module.Name,
        Version = module.Version,
        WebContextPath = module.WebContextPath ?? "",
        Sha256 = module.Sha256 ?? "",
    };
}
