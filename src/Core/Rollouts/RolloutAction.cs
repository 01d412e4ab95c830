using System.Globalization;
using System.Text.Json.Nodes;
using ModuleController.Core.BasePods;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;

namespace ModuleController.Core.Rollouts;

/// <summary>What somebody asked for by the annotation <c>koupleless.io/action</c>: done once, recorded, and told.</summary>
/// <remarks>
/// What changes the spec is one patch that also takes the annotation away. What changes the release is in the status before
/// the annotation goes: done twice after a crash, it does no more than once.
/// </remarks>
internal sealed record RolloutAction(string Verb, string? Argument, string? By, string? Reason)
{
    private const string Pause = "pause";
    private const string Resume = "resume";
    private const string Confirm = "confirm";
    private const string Promote = "promote";
    private const string Abort = "abort";
    private const string Retry = "retry";
    private const string Undo = "undo";
    private const string UndoFast = "undo-fast";
    private const string Redeploy = "redeploy";

    private const int MaxText = 64;

    public bool IsConfirmation => Verb == Confirm;

    /// <summary>It is about the release that its author saw, and means nothing for one that begins in this moment.</summary>
    public bool EndsWaits => Verb is Confirm or Promote;

    /// <summary>Null: nothing is asked for.</summary>
    public static RolloutAction? Of(ModuleDeployment deployment)
    {
        var annotations = deployment.Metadata.Annotations;
        if (annotations.GetValueOrDefault(Annotations.Action) is not { } text) return null;
        var words = OperatorText.Within(MaxText, text).Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return new(words.Length == 0 ? "" : words[0], words.Length < 2 ? null : string.Join(' ', words[1..]),
            Of(Annotations.ActionBy, OperatorText.MaxName), Of(Annotations.ActionReason, OperatorText.MaxReason));

        string? Of(string name, int length) => annotations.GetValueOrDefault(name) is { } value ? OperatorText.Within(length, value) : null;
    }

    /// <summary>The ModuleDeployment with the action carried out, as far as it is its spec's matter.</summary>
    /// <param name="isBeforeBeginning">A release or a deletion begins as soon as this is done.</param>
    public (RolloutStep.UpdateDeployment Step, PlannedEvent? Event, bool IsDone) Plan(RolloutState state, DateTimeOffset now, bool isBeforeBeginning = false)
    {
        var deployment = state.Deployment;
        // Once this number counts, the release may go on before the annotation is gone: asked again, it has to mean the same.
        if (Verb == Confirm && Argument is null && deployment.Status.ReleaseStatus is { CurrentBatch: { } batch } release
            && batch == release.IgnoredConfirmBatchNum)
            return (new(deployment, deployment with
            {
                Metadata = deployment.Metadata with
                {
                    Annotations = new Dictionary<string, string>(deployment.Metadata.Annotations) { [Annotations.Action] = $"{Confirm} {batch}" },
                },
            }), null, true);
        var (after, refusal, isRelease) = isBeforeBeginning && Verb == Promote
            ? (deployment, "another release begins with this: say it again for that one", true)
            : Change(state, now);
        var annotations = new Dictionary<string, string>(after.Metadata.Annotations);
        foreach (var name in (string[])[Annotations.Action, Annotations.ActionBy, Annotations.ActionReason]) annotations.Remove(name);
        annotations[Annotations.LastAction] = Record(now, refusal);
        var step = new RolloutStep.UpdateDeployment(deployment, after with { Metadata = after.Metadata with { Annotations = annotations } });
        return refusal is null
            ? (step, new(EventReason, $"{Text}{Told}"), !isRelease)
            : (step, new(Reasons.ActionRefused, $"{Text}{Told} is refused: {refusal}", IsWarning: true), true);
    }

    /// <summary>The release after the action; unchanged by those that change the spec.</summary>
    public ReleaseStatus On(RolloutLook look, ReleaseStatus release) => Verb switch
    {
        Abort when release.Abort is null && release.Progress != ReleaseProgress.Completed =>
            release with { Abort = RolloutAbort.Because(look, Reasons.Aborted, $"stopped{Told}") },
        Retry => release with { Abort = null, RetriedAt = RetriedAt(look), LastProgressTime = look.Now },
        _ => OnWaits(release),
    };

    /// <summary>The release, or the deletion, after what the action says about its waits.</summary>
    public ReleaseStatus OnWaits(ReleaseStatus release) => Verb switch
    {
        Confirm => release with { IgnoredConfirmBatchNum = null },
        Promote => release with { Promoted = true },
        _ => release,
    };

    // Whole seconds, as the API keeps the times of failures; and another clock than this one may have written those.
    private static DateTimeOffset? RetriedAt(RolloutLook look) => (look.Updated?.Modules ?? [])
        .Select(module => module.Status.LastError?.Time).Append(ModuleFailures.Seconds(look.Now)).Max();

    private (ModuleDeployment After, string? Refusal, bool IsRelease) Change(RolloutState state, DateTimeOffset now)
    {
        var (deployment, release) = (state.Deployment, state.Deployment.Status.ReleaseStatus);
        ModuleDeployment With(ModuleDeploymentSpec spec) => deployment with { Spec = spec };
        if (deployment.Metadata.IsDeleting && Verb is not (Confirm or Promote)) return (deployment, "it is being deleted", false);
        if (Argument is not null && Verb is not (Confirm or Undo or UndoFast)) return (deployment, $"{Verb} takes no argument", false);
        switch (Verb)
        {
            case Pause: return (With(deployment.Spec with { Paused = true }), null, false);
            case Resume: return (With(deployment.Spec with { Paused = false }), null, false);
            case Confirm or Promote or Abort when release?.Progress == ReleaseProgress.Completed && !deployment.Metadata.IsDeleting:
                return (deployment, "the release has completed", false);
            case Confirm:
                var batch = Argument is null ? release?.CurrentBatch ?? 1 : Number(Argument);
                // The number that is ignored would be no change: then the release itself has to learn that it counts now.
                return batch is null or < 1
                    ? (deployment, $"'{Argument}' is no batch number", false)
                    : (With(deployment.Spec with { ConfirmBatchNum = batch }), null, batch == release?.IgnoredConfirmBatchNum);
            case Promote or Abort or Retry: return (deployment, null, true);
            case Undo or UndoFast: return Back(state);
            case Redeploy: return (With(deployment.Spec with { Template = Redeployed(deployment.Spec.Template, now) }), null, false);
            default:
                return (deployment, $"annotation {Annotations.Action} must be pause, resume, confirm [batch], promote, abort, retry, "
                    + "undo [revision], undo-fast [revision] or redeploy", false);
        }
    }

    private (ModuleDeployment After, string? Refusal, bool IsRelease) Back(RolloutState state)
    {
        var deployment = state.Deployment;
        var sets = state.Old(state.Updated).Where(set => !set.ReplicaSet.Metadata.IsDeleting).ToList();
        if (Argument is not null && Number(Argument) is null) return (deployment, $"'{Argument}' is no revision number", false);
        var target = Argument is null ? sets.FirstOrDefault() : sets.Find(set => set.Revision == Number(Argument));
        if (target is null)
            return (deployment, Argument is null ? "there is no earlier revision" : $"there is no earlier revision {Argument}: "
                + $"{string.Join(", ", sets.Select(set => set.Revision))} are kept", false);
        var template = target.ReplicaSet.Spec.Template;
        var back = deployment with { Spec = deployment.Spec with { Template = template } };
        if (Verb != UndoFast) return (back, null, false);
        var annotations = new Dictionary<string, string>(deployment.Metadata.Annotations)
        {
            [Annotations.FastRevision] = Modules.Revision.Of(template).Hash(),
        };
        // Whoever goes back in a hurry does not want to be held up by a pause.
        return (back with
        {
            Metadata = deployment.Metadata with { Annotations = annotations },
            Spec = deployment.Spec.Paused == true ? back.Spec with { Paused = false } : back.Spec,
        }, null, false);
    }

    private static ModuleTemplateSpec Redeployed(ModuleTemplateSpec template, DateTimeOffset now) => template with
    {
        Metadata = template.Metadata with
        {
            Annotations = new Dictionary<string, string>(template.Metadata.Annotations) { [Annotations.RedeployAt] = KubeTime.Text(now) },
        },
    };

    private string Record(DateTimeOffset now, string? refusal)
    {
        var record = new JsonObject { ["action"] = Text, ["at"] = KubeTime.Text(now) };
        if (By is not null) record["by"] = By;
        if (Reason is not null) record["reason"] = Reason;
        if (refusal is not null) record["refused"] = refusal;
        return record.ToJsonString();
    }

    private string Text => Argument is null ? Verb : $"{Verb} {Argument}";

    private string Told => $"{(By is { Length: > 0 } ? $" by {By}" : "")}{(Reason is { Length: > 0 } ? $": {Reason}" : "")}";

    private string EventReason => string.Concat(Verb.Split('-').Select(word => $"{char.ToUpperInvariant(word[0])}{word[1..]}"));

    private static int? Number(string text) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;
}
