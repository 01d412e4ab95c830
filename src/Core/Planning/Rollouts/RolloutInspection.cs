using System.Globalization;
using ModuleController.Core.Modules;

namespace ModuleController.Core.Planning;

/// <summary>Finds out whether two versions can live in one JVM: the new jar is inspected on one pod, and its web context path
/// compared with that of the old version.</summary>
/// <param name="Policy">The choice; null: not known yet.</param>
/// <param name="Command">What has to be asked now, if anything.</param>
/// <param name="Failure">What the last inspection ended with.</param>
public sealed record RolloutInspection(UpgradePolicy? Policy, RolloutStep.Inspect? Command, string? Failure, DateTimeOffset? LookAgainAt)
{
    private const int AttemptsPerSource = 1000;
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(2);

    public static RolloutInspection Of(RolloutState state, PlacementSet updated, DateTimeOffset now)
    {
        var source = state.Deployment.Spec.Template.Spec.Module;
        var (uid, first) = (updated.ReplicaSet.Metadata.Uid!, FirstAttempt(source));
        var answers = state.Carriers.SelectMany(carrier => carrier.View.Answers.Values)
            .Select(answer => (Answer: answer, Attempt: AttemptOf(answer.CommandId, uid) - first))
            .Where(item => item.Attempt is >= 0 and < AttemptsPerSource)
            .OrderBy(item => item.Attempt).ToList();
        if (answers.Find(item => item.Answer is { Outcome: CommandOutcome.Succeeded, Artifact: not null }).Answer is { } known)
            return new(Choose(state, source, known.Artifact!), null, null, null);

        var (last, attempts) = answers.Count == 0 ? (null, -1) : answers[^1];
        var failure = last is null ? null : $"{last.Reason}: {last.Message}";
        if (state.Carriers.Any(carrier => IsUnderWay(carrier.View, uid))) return new(null, null, failure, null);
        var due = last is null ? now : last.ReceivedAt + BackOff(attempts);
        if (due > now) return new(null, null, failure, due);
        var asked = state.Carriers.FirstOrDefault(carrier => carrier.View.IsCurrent);
        if (asked.View is null) return new(null, null, failure ?? "no agent of a pod with the old version is connected", null);
        var command = new ModuleCommand.Inspect(uid, source, asked.View.Life!.Id, first + attempts + 1, Deadline);
        return new(null, new(asked.Pod, asked.Uid, command), failure, now + Deadline);
    }

    /// <summary>Attempts of one source start at a number of its own, so that a corrected url is never answered by what an
    /// agent found at the old one.</summary>
    private static int FirstAttempt(ModuleSource source)
    {
        var hash = int.Parse(Hashes.Of($"{source.Url}\n{source.Md5}\n{source.Sha256}")[..5], NumberStyles.HexNumber, CultureInfo.InvariantCulture);
        return hash * AttemptsPerSource;
    }

    private static int AttemptOf(string commandId, string uid) =>
        commandId.Split('/') is [var owner, "inspect", _, var attempt] && owner == uid
        && int.TryParse(attempt, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : -1;

    private static bool IsUnderWay(BaseView view, string uid) =>
        view.IsConnected && (IsInspection(view.Sent, uid) || view.Running.Any(command => IsInspection(command.CommandId, uid)));

    private static bool IsInspection(string? commandId, string uid) =>
        commandId?.StartsWith($"{uid}/inspect/", StringComparison.Ordinal) == true;

    // 5, 10, 20 ... 300 s
    private static TimeSpan BackOff(int attempt) => TimeSpan.FromSeconds(Math.Min(300, 5 * Math.Pow(2, Math.Min(attempt, 10))));

    private static UpgradePolicy Choose(RolloutState state, ModuleSource source, ArtifactView artifact)
    {
        var path = Path(artifact.WebContextPath);
        var isTaken = path is not null && state.Carriers.SelectMany(carrier => carrier.View.Biz)
            .Any(biz => biz.Name == source.Name && biz.Version != source.Version && Path(biz.WebContextPath) == path);
        return isTaken ? UpgradePolicy.UninstallThenInstall : UpgradePolicy.InstallThenUninstall;
    }

    // The root is the base's own path, and what Arklet lists for modules without any.
    private static string? Path(string? text) => text?.Trim('/') is { Length: > 0 } path ? path : null;
}
