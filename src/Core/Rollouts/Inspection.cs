using System.Globalization;
using ModuleController.Core.Agents;
using ModuleController.Core.Commands;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Facts;
using ModuleController.Core.Modules.Names;

namespace ModuleController.Core.Rollouts;

/// <summary>Whether one JVM can hold both versions. The new jar is inspected on one pod, and its web context path compared with that of
/// the old version.</summary>
/// <param name="Policy">The policy that follows; null: not known yet.</param>
/// <param name="Command">The inspection to send now.</param>
/// <param name="Failure">The error of the last inspection.</param>
public sealed record Inspection(UpgradePolicy? Policy, RolloutStep.Inspect? Command, string? Failure, DateTimeOffset? RequeueAt)
{
    /// <summary>Enough for months of one base life at the longest backoff. The agent counts each source by itself, too.</summary>
    public const int AttemptsPerSource = 32_000;

    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(2);
    private static readonly Backoff Backoff = new(TimeSpan.FromSeconds(5), TimeSpan.FromMinutes(5));

    public static Inspection Of(RolloutState state, ReplicaSetWithModules updated, DateTimeOffset now)
    {
        var source = state.Deployment.Spec.Template.Spec.Module;
        var (uid, first) = (updated.ReplicaSet.Metadata.Uid!, FirstAttempt(source));
        var tried = state.Carriers.SelectMany(carrier => Tried(carrier, uid)).Select(item => item with { Attempt = item.Attempt - first })
            .Where(item => item.Attempt is >= 0 and < AttemptsPerSource)
            .OrderBy(item => item.Attempt).ThenBy(item => item.Answer is not null).ToList();
        if (tried.Find(item => item.Answer is { Outcome: CommandOutcome.Succeeded, Artifact: not null }).Answer is { } known)
            return new(Choose(state, source, known.Artifact!), null, null, null);

        var last = tried.Count == 0 ? null : (Trial?)tried[^1];
        if (state.Carriers.Any(carrier => IsUnderWay(carrier.View, uid))) return new(null, null, last?.Failure, null);
        // An answer that was lost with a stream is requested again with the same id.
        var answered = tried.Where(item => item.Answer is not null).Select(item => item.Attempt).ToHashSet();
        foreach (var lost in tried.Where(item =>
            item is { Outcome: CommandOutcome.Succeeded, Carrier.View.IsCurrent: true } && !answered.Contains(item.Attempt)))
            return Request(lost.Carrier, first + lost.Attempt, null);
        var due = last is { } before ? before.At + Longer(Backoff.After(before.Attempt + 1, random: 0), before.Answer?.RetryAfter) : now;
        if (due > now) return new(null, null, last?.Failure, due);
        var chosen = state.Carriers.Where(carrier => carrier.View.IsCurrent)
            .OrderByDescending(carrier => state.ArtifactPolicy.IsNone || carrier.View.EnforcesPolicy).FirstOrDefault();
        if (chosen.View is null) return new(null, null, last?.Failure ?? "no agent of a pod with the old version is connected", null);
        return Request(chosen, first + Math.Min((last?.Attempt ?? -1) + 1, AttemptsPerSource - 1), last?.Failure);

        Inspection Request((ObjectKey Pod, string Uid, BaseView View) carrier, int attempt, string? failure) => new(
            null,
            new(carrier.Pod, carrier.Uid, new ModuleCommand.Inspect(uid, source, carrier.View.Life!.Id, attempt, Deadline)
            {
                Policy = state.ArtifactPolicy,
            }),
            failure, now + Deadline);
    }

    // Answers, and attempts that only the agent's journal has: from before this stream, or older than the answers that are kept.
    private static IEnumerable<Trial> Tried((ObjectKey Pod, string Uid, BaseView View) carrier, string uid) =>
        carrier.View.Answers.Values
            .Select(answer => new Trial(
                AttemptOf(answer.CommandId, uid), answer.Outcome, answer.ReceivedAt, $"{answer.Reason}: {answer.Message}", answer, carrier))
            .Concat(carrier.View.Attempts.Select(attempt => new Trial(
                AttemptOf(attempt.CommandId, uid), attempt.Outcome, attempt.AnsweredAt,
                $"{attempt.Reason}, according to the journal of the agent of pod {carrier.Pod}", null, carrier)));

    /// <summary>Each source has attempt numbers of its own, so that no result of the old url answers for a corrected one.</summary>
    private static int FirstAttempt(ModuleSource source)
    {
        var hash = int.Parse(Hashes.Of($"{source.Url}\n{source.Md5}\n{source.Sha256}")[..4],
            NumberStyles.HexNumber, CultureInfo.InvariantCulture);
        return hash * AttemptsPerSource;
    }

    private static int AttemptOf(string commandId, string uid) =>
        IsInspection(commandId, uid) ? CommandId.Parse(commandId)!.Attempt : -1;

    private static bool IsUnderWay(BaseView view, string uid) =>
        view.IsConnected && (IsInspection(view.Sent, uid) || view.Running.Any(command => IsInspection(command.CommandId, uid)));

    private static bool IsInspection(string? commandId, string uid) =>
        CommandId.Parse(commandId) is { Action: CommandAction.Inspect } id && id.ModuleUid == uid;

    private static TimeSpan Longer(TimeSpan backoff, TimeSpan? retryAfter) => retryAfter > backoff ? retryAfter.Value : backoff;

    private static UpgradePolicy Choose(RolloutState state, ModuleSource source, ArtifactView artifact)
    {
        if (Path(artifact.WebContextPath) is not { } path) return UpgradePolicy.InstallThenUninstall;
        var others = state.Carriers.Where(carrier => carrier.View.Shared is null).SelectMany(carrier => carrier.View.Biz)
            .Where(biz => biz.Name == source.Name && biz.Version != source.Version).ToList();
        // While no base lists the old version, as after a restart of all, its path is not known. Then the policy of the spec is used.
        var isTaken = others.Count == 0
            ? UpgradePolicies.Requested(state.Deployment) is null
            : others.Exists(biz => Path(biz.WebContextPath) == path);
        return isTaken ? UpgradePolicy.UninstallThenInstall : UpgradePolicy.InstallThenUninstall;
    }

    private readonly record struct Trial(
        int Attempt, CommandOutcome Outcome, DateTimeOffset At, string Failure, CommandAnswer? Answer,
        (ObjectKey Pod, string Uid, BaseView View) Carrier);

    // The root is the path of the base itself, and Arklet lists it for modules without a path.
    private static string? Path(string? text) => text?.Trim('/') is { Length: > 0 } path ? path : null;
}
