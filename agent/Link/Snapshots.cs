using Google.Protobuf.WellKnownTypes;
using ModuleController.Agent.Arklet;
using ModuleController.Agent.Commands;
using ModuleController.Agent.Journal;
using ModuleController.Agent.Observing;
using ModuleController.Core.Commands;
using ModuleController.Protocol;
using ModuleController.Protocol.V1;

namespace ModuleController.Agent.Link;

/// <summary>Builds snapshots and heartbeats within the protocol's limits.</summary>
public static class Snapshots
{
    private static readonly TimeSpan InspectionResultPeriod = TimeSpan.FromHours(1);

    public static Snapshot Build(
        BaseView view, JournalState state, IReadOnlyList<RunningCommand> running, ulong sequence, DateTimeOffset now)
    {
        var snapshot = new Snapshot
        {
            Sequence = sequence,
            BaseState = view.State,
            BaseLife = Life(view),
            ObservedAt = view.ObservedAt?.ToTimestamp(),
            Jvm = Jvm(view.Jvm),
            BizKnown = view.ModulesKnown,
        };
        snapshot.Biz.AddRange(view.Modules.Take(Limits.Biz).Select(module => Module(module, state)));
        // Where the journal does not have this base life yet, the next snapshot contains them.
        if (view.Life?.Id == state.Life)
        {
            snapshot.Interrupted.AddRange(state.Interrupted);
            snapshot.Attempts.AddRange(Attempts(view, state, now));
        }

        snapshot.MetaspaceFull = view.Life?.Id == state.Life && state.IsMetaspaceFull;
        snapshot.Staged.AddRange(state.StagedArtifacts.Where(staged => File.Exists(staged.Jar)).Select(staged => staged.ModuleUid));
        snapshot.Running.AddRange(running.Take(Limits.RunningCommands));
        return snapshot;
    }

    public static Heartbeat Heartbeat(BaseView view) => new() { BaseState = view.State, Jvm = Jvm(view.Jvm) };

    public static BaseLife? Life(BaseView view) =>
        view.Life is { } life ? new() { Id = life.Id, StartedAt = life.StartedAt.ToTimestamp() } : null;

    /// <summary>The newest attempts that the state of the base does not settle: the controller may have to retry them.</summary>
    private static IEnumerable<LastAttempt> Attempts(BaseView view, JournalState state, DateTimeOffset now)
    {
        if (state.Attempts.IsEmpty) return [];
        var listed = view.Modules.Select(module => (Uid: OwnerOf(module, state), module.State))
            .Where(module => module.Uid is not null).ToLookup(module => module.Uid!, module => module.State, StringComparer.Ordinal);
        return state.Attempts.Values.Where(attempt => IsOpen(attempt, listed[attempt.Id.ModuleUid], now))
            .OrderByDescending(attempt => attempt.At).Take(Limits.Attempts)
            .Select(attempt => new LastAttempt
            {
                CommandId = attempt.Id.ToString(),
                Outcome = attempt.Outcome,
                Reason = attempt.Reason,
                Rejections = (uint)attempt.Rejections,
                AnsweredFor = attempt.At is { } at ? Duration.FromTimeSpan(now > at ? now - at : TimeSpan.Zero) : null,
            });
    }

    private static bool IsOpen(AnsweredAttempt attempt, IEnumerable<ArkletBizState> listed, DateTimeOffset now) => attempt.Id.Action switch
    {
        CommandAction.Uninstall or CommandAction.Disown => listed.Any(),
        CommandAction.Switch => listed.Any(state => state is not ArkletBizState.Activated),
        // A controller that did not receive this result requests it again.
        CommandAction.Inspect => attempt.Outcome is not Outcome.Succeeded || now - attempt.At < InspectionResultPeriod,
        _ => attempt.Outcome is not Outcome.Succeeded,
    };

    private static string? OwnerOf(ArkletBiz module, JournalState state) =>
        state.Owner(module.Name, module.Version)?.ModuleUid ?? state.UnsettledInstall(module.Name, module.Version)?.ModuleUid;

    private static Biz Module(ArkletBiz module, JournalState state)
    {
        var biz = new Biz
        {
            Name = CommandLimits.Cut(module.Name, Limits.BizName),
            Version = CommandLimits.Cut(module.Version, Limits.BizName),
            State = module.State switch
            {
                ArkletBizState.Resolved => BizState.Resolved,
                ArkletBizState.Activated => BizState.Activated,
                ArkletBizState.Deactivated => BizState.Deactivated,
                ArkletBizState.Broken => BizState.Broken,
                _ => BizState.Other,
            },
            WebContextPath = CommandLimits.Cut(module.WebContextPath, Limits.WebContextPath),
            Stuck = state.IsStuck(module.Name, module.Version),
        };
        if (state.Owner(module.Name, module.Version) is { } owned)
        {
            biz.ModuleUid = owned.ModuleUid;
            biz.ArtifactSha256 = owned.Sha256 ?? "";
            biz.InstalledAt = owned.InstalledAt.ToTimestamp();
            biz.InstallDuration = Duration.FromTimeSpan(owned.Duration);
            biz.MetaspaceBytes = owned.MetaspaceBytes;
        }
        else if (state.UnsettledInstall(module.Name, module.Version) is { } intent)
        {
            // It starts or is stuck for this Module. If it has just started, it is reported as installed once the journal has its entry.
            biz.ModuleUid = intent.ModuleUid;
            if (biz.State is BizState.Activated or BizState.Deactivated) biz.State = BizState.Resolved;
        }

        return biz;
    }

    private static JvmHealth? Jvm(JvmFigures? jvm) => jvm is null ? null : new()
    {
        UsedHeap = jvm.UsedHeap,
        MaxHeap = jvm.MaxHeap,
        UsedMetaspace = jvm.UsedMetaspace,
        CommittedMetaspace = jvm.CommittedMetaspace,
        MaxMetaspace = jvm.MaxMetaspace,
        Uptime = Duration.FromTimeSpan(jvm.RunTime),
    };
}
