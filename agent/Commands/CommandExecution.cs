using ModuleController.Agent.Arklet;
using ModuleController.Agent.Artifacts;
using ModuleController.Agent.Journal;
using ModuleController.Agent.Observing;
using ModuleController.Protocol.V1;

namespace ModuleController.Agent.Commands;

/// <summary>Executes a command. Every expected failure becomes a verdict.</summary>
internal static class CommandExecution
{
    /// <param name="ending">Cancelled when the agent stops. Then there is no verdict, and the intent stays open in the journal.</param>
    public static async Task<Verdict> RunAsync(CommandContext context, JournalRecord.Intended? recovered, CancellationToken ending)
    {
        try
        {
            return recovered is null ? await BeginAsync(context) : await CrashRecovery.SettleAsync(context, recovered);
        }
        catch (OperationCanceledException) when (!ending.IsCancellationRequested)
        {
            try
            {
                return await TimedOutAsync(context, ending);
            }
            catch (VerdictException e)
            {
                return e.Verdict;
            }
        }
        catch (VerdictException e)
        {
            return e.Verdict;
        }
        catch (ArtifactException e)
        {
            return Verdict.Failed(e);
        }
    }

    private static Task<Verdict> BeginAsync(CommandContext context) => context.Command.ActionCase switch
    {
        Command.ActionOneofCase.Install => new InstallCommand(context).RunAsync(),
        Command.ActionOneofCase.Uninstall => new UninstallCommand(context).RunAsync(),
        Command.ActionOneofCase.Switch => new SwitchCommand(context).RunAsync(),
        Command.ActionOneofCase.Inspect => InspectAsync(context),
        Command.ActionOneofCase.Fetch => FetchAsync(context),
        Command.ActionOneofCase.Adopt => Task.FromResult(Adopt(context)),
        Command.ActionOneofCase.Disown => Task.FromResult(Disown(context)),
        _ => throw new InvalidOperationException($"command {context.Command.Id} has no action"),
    };

    private static async Task<Verdict> TimedOutAsync(CommandContext context, CancellationToken ending)
    {
        context.Enter(CommandPhase.Asking);
        return context.Command.ActionCase switch
        {
            Command.ActionOneofCase.Install => await new InstallCommand(context).TimedOutAsync(ending),
            Command.ActionOneofCase.Uninstall => await new UninstallCommand(context).TimedOutAsync(ending),
            Command.ActionOneofCase.Switch => new SwitchCommand(context).TimedOut(),
            _ => Verdict.Failed(Reason.ArtifactUnreachable, "TIMED_OUT", "timed out during the download"),
        };
    }

    private static async Task<Verdict> InspectAsync(CommandContext context)
    {
        context.Enter(CommandPhase.Downloading);
        var jar = await context.Tools.Artifacts.GetAsync(
            context.Module, context.Command.Inspect.Source, known: null, () => context.Enter(CommandPhase.Verifying), context.Deadline);
        return Verdict.Success("SUCCESS") with { Artifact = jar.ToArtifact() };
    }

    private static async Task<Verdict> FetchAsync(CommandContext context)
    {
        context.Enter(CommandPhase.Downloading);
        var module = context.Module;
        var staged = context.State.StagedArtifacts.Find(known => known.ModuleUid == module.ModuleUid);
        var jar = await context.Tools.Artifacts.GetAsync(
            module, context.Command.Fetch.Source, staged?.Jar, () => context.Enter(CommandPhase.Verifying), context.Deadline);
        return Verdict.Success("SUCCESS", new JournalRecord.Staged(module.ModuleUid, module.Name, module.Version, jar.Path)) with
        {
            Artifact = jar.ToArtifact(),
        };
    }

    private static Verdict Adopt(CommandContext context)
    {
        var (module, view) = (context.Module, context.Tools.Observer.View);
        var name = $"{module.Name}:{module.Version}";
        if (CheckLife(context, view) is { } otherLife) return otherLife;
        if (context.State.Owner(module.Name, module.Version) is { } owner)
            return owner.ModuleUid == module.ModuleUid
                ? Verdict.Success("PRESENT")
                : Verdict.Failed(Reason.ModuleNameConflict, "BIZ_OWNED", $"{name} belongs to module {owner.ModuleUid}");
        if (view.Find(module.Name, module.Version) is not { HasStarted: true } present)
            return Verdict.Failed(Reason.BizLost, "NOT_FOUND_BIZ", $"{name} is not in the JVM, so it can't be adopted");
        return Verdict.Success("SUCCESS", new JournalRecord.Owned(new InstalledModule(
            module.ModuleUid, module.Name, module.Version, context.Life, null, null, present.WebContextPath,
            context.Tools.Time.GetUtcNow(), TimeSpan.Zero, 0, present.State is ArkletBizState.Activated)));
    }

    private static Verdict Disown(CommandContext context)
    {
        var module = context.Module;
        if (CheckLife(context, context.Tools.Observer.View) is { } otherLife) return otherLife;
        if (context.State.Owner(module.Name, module.Version) is { } owner && owner.ModuleUid != module.ModuleUid)
            return Verdict.Failed(
                Reason.ModuleNameConflict, "BIZ_OWNED", $"{module.Name}:{module.Version} belongs to module {owner.ModuleUid}");
        return Verdict.Success("SUCCESS", new JournalRecord.Removed(module.Name, module.Version));
    }

    private static Verdict? CheckLife(CommandContext context, BaseView view) => view.Life?.Id == context.Life
        ? null
        : Verdict.Refused(Reason.Unspecified, "OTHER_BASE_LIFE",
            $"the command is for base life {context.Life}, but the base is in life {view.Life?.Id ?? "unknown"}");
}
