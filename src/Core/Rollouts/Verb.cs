using System.Globalization;
using ModuleController.Core.BasePods;
using ModuleController.Core.Execution;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Facts;
using ModuleController.Core.Modules.Names;
using ModuleController.Core.Modules.Records;

namespace ModuleController.Core.Rollouts;

/// <summary>What an operator requests with the annotation <c>koupleless.io/action</c>. It is carried out once and recorded.</summary>
/// <remarks>
/// A change of the spec is one patch, which also removes the annotation. A change of the release is in the status before the
/// annotation is removed: carried out again after a crash, it changes nothing.
/// </remarks>
/// <param name="Author">The change that requests it, and its user; null: the user is not known.</param>
/// <param name="By">Who requests it, as the annotation has it. It counts where the user is not known.</param>
internal sealed record Verb(string Name, string? Argument, LastChange? Author, string? By, string? Reason)
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

    public bool IsConfirmation => Name == Confirm;

    /// <summary>It applies only to the release that it was issued for.</summary>
    public bool EndsWaits => Name is Confirm or Promote;

    /// <summary>The subresource of the ModuleDeployment that a user must be permitted to update; null: there is no such verb.</summary>
    public static string? SubresourceOf(string action) => Parse(action).Name switch
    {
        Promote => Confirm,
        Pause or Resume or Confirm or Abort or Retry or Undo or UndoFast or Redeploy => Parse(action).Name,
        _ => null,
    };

    /// <summary>Null: the annotation is not set.</summary>
    public static Verb? Of(RolloutState state)
    {
        var annotations = state.Deployment.Metadata.Annotations;
        if (annotations.GetValueOrDefault(Annotations.Action) is not { } text) return null;
        var (name, argument) = Parse(text);
        return new(name, argument,
            state.Change is { } change && change.IsOfAction(text) ? change : null,
            Of(Annotations.ActionBy, OperatorText.MaxName), Of(Annotations.ActionReason, OperatorText.MaxReason));

        string? Of(string annotation, int length) =>
            annotations.GetValueOrDefault(annotation) is { } value ? OperatorText.Within(length, value) : null;
    }

    /// <summary>The patch of the ModuleDeployment that carries the verb out, or refuses it, and removes the annotation.</summary>
    /// <param name="isBeforeStart">A release or a deletion begins in the next reconcile.</param>
    public (RolloutStep.UpdateDeployment Step, PlannedEvent? Event, bool IsDone) Plan(
        RolloutState state, DateTimeOffset now, bool isBeforeStart = false)
    {
        var deployment = state.Deployment;
        // The release may continue before the annotation is removed. The number is written first, so that the verb keeps its meaning.
        if (Name == Confirm && Argument is null && deployment.Status.ReleaseStatus is { CurrentBatch: { } batch } release
            && batch == release.IgnoredConfirmBatchNum)
            return (new(deployment, deployment with
            {
                Metadata = deployment.Metadata with
                {
                    Annotations = Restamped(deployment, new(deployment.Metadata.Annotations)
                    {
                        [Annotations.Action] = $"{Confirm} {batch}",
                    }),
                },
            }), null, true);
        var (after, refusal, isRelease) = isBeforeStart && Name == Promote
            ? (deployment, "another release begins with this: say it again for that one", true)
            : Change(state, now);
        var annotations = new Dictionary<string, string>(after.Metadata.Annotations);
        foreach (var name in (string[])[Annotations.Action, Annotations.ActionBy, Annotations.ActionReason]) annotations.Remove(name);
        new VerbRecord(Text, now, Author, By, Reason, refusal).AddTo(annotations);
        annotations = Restamped(after, annotations);
        var step = new RolloutStep.UpdateDeployment(
            deployment, after with { Metadata = after.Metadata with { Annotations = annotations } });
        return refusal is null
            ? (step, new(EventReason, $"{Text}{Who}"), !isRelease)
            : (step, new(Reasons.ActionRefused, $"{Text}{Who} is refused: {refusal}", IsWarning: true), true);
    }

    /// <summary>The release after the verb. Verbs that change the spec do not change it.</summary>
    public ReleaseStatus On(Context context, ReleaseStatus release) => Name switch
    {
        Abort when release.Abort is null && release.Progress != ReleaseProgress.Completed =>
            release with { Abort = AbortCheck.Because(context, Reasons.Aborted, $"stopped{Who}") },
        Retry => release with { Abort = null, RetriedAt = RetriedAt(context), LastProgressTime = context.Now },
        _ => OnWaits(release),
    };

    /// <summary>The release or deletion after a verb that ends waits.</summary>
    public ReleaseStatus OnWaits(ReleaseStatus release) => Name switch
    {
        Confirm => release with { IgnoredConfirmBatchNum = null },
        Promote => release with { Promoted = true },
        _ => release,
    };

    // In whole seconds, like the times of failures. Another clock may have written those.
    private static DateTimeOffset? RetriedAt(Context context) => (context.Updated?.Modules ?? [])
        .Select(module => module.Status.LastError?.Time).Append(ModuleFailures.Seconds(context.Now)).Max();

    private (ModuleDeployment After, string? Refusal, bool IsRelease) Change(RolloutState state, DateTimeOffset now)
    {
        var (deployment, release) = (state.Deployment, state.Deployment.Status.ReleaseStatus);
        ModuleDeployment With(ModuleDeploymentSpec spec) => deployment with { Spec = spec };
        if (deployment.Metadata.IsDeleting && Name is not (Confirm or Promote)) return (deployment, "it is being deleted", false);
        if (Argument is not null && Name is not (Confirm or Undo or UndoFast)) return (deployment, $"{Name} takes no argument", false);
        switch (Name)
        {
            case Pause: return (With(deployment.Spec with { Paused = true }), null, false);
            case Resume: return (With(deployment.Spec with { Paused = false }), null, false);
            case Confirm or Promote or Abort when release?.Progress == ReleaseProgress.Completed && !deployment.Metadata.IsDeleting:
                return (deployment, "the release has completed", false);
            case Confirm:
                var batch = Argument is null ? release?.CurrentBatch ?? 1 : Number(Argument);
                // Writing the ignored number again changes nothing in the spec: the release records that it counts now.
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
            return (deployment, Argument is null
                ? "there is no earlier revision"
                : $"there is no earlier revision {Argument}; these are kept: {string.Join(", ", sets.Select(set => set.Revision))}", false);
        var template = target.ReplicaSet.Spec.Template;
        var back = deployment with { Spec = deployment.Spec with { Template = template } };
        if (Name != UndoFast) return (back, null, false);
        var annotations = new Dictionary<string, string>(deployment.Metadata.Annotations)
        {
            [Annotations.FastRevision] = Revision.Of(template).Hash(),
        };
        // A pause must not hold a fast undo.
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

    // What the verb changes is still the change of its user. The webhook does not see the controller's writes. If the user is not known,
    // neither is that of the last change: the one who is named may have requested the same verb, or released the same revision, before.
    private Dictionary<string, string> Restamped(ModuleDeployment after, Dictionary<string, string> annotations)
    {
        if (Author is null)
        {
            annotations.Remove(Annotations.LastChange);
            return annotations;
        }

        var about = Author.About(after with { Metadata = after.Metadata with { Annotations = annotations } });
        AnnotationRoom.Set(annotations, Annotations.LastChange, $"{about}");
        return annotations;
    }

    private static (string Name, string? Argument) Parse(string action)
    {
        var words = OperatorText.Within(OperatorText.MaxAction, action)
            .Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return (words.Length == 0 ? "" : words[0], words.Length < 2 ? null : string.Join(' ', words[1..]));
    }

    private string Text => Argument is null ? Name : $"{Name} {Argument}";

    private string Who =>
        $"{((Author?.User ?? By) is { Length: > 0 } who ? $" by {who}" : "")}{(Reason is { Length: > 0 } ? $": {Reason}" : "")}";

    private string EventReason => string.Concat(Name.Split('-').Select(word => $"{char.ToUpperInvariant(word[0])}{word[1..]}"));

    private static int? Number(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;
}
