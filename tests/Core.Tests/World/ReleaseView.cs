using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Facts;
using ModuleController.Core.Modules.Names;
using ModuleController.Core.Rollouts;

namespace ModuleController.Core.Tests.World;

/// <summary>What a person would count, looking at a world with one ModuleDeployment: an opinion of its own, against which
/// the planner's is held.</summary>
internal sealed class ReleaseView
{
    private readonly Dictionary<string, IReadOnlyList<Module>> _live = [];

    public ReleaseView(SmallWorld world)
    {
        (Now, Freeze) = (world.Now, world.Freeze);
        Deployment = world.Deployments[Story.Name];
        Sets = world.SetsOf(Deployment);
        var pods = world.Pods.Values.Select(pod => pod.Uid).ToHashSet();
        foreach (var set in Sets)
            _live[set.ReplicaSet.Metadata.Name] = [.. set.Modules.Where(module => !module.Metadata.IsDeleting
                && (!module.IsBound || pods.Contains(module.Spec.PodUid!)))];
        Desired = Deployment.Spec.Replicas == -1 ? pods.Count : Math.Max(0, IsScaled ? Scale!.Value : Number ?? Scale ?? 0);
        Updated = Sets.Find(set => Revision.Of(set.ReplicaSet.Spec.Template) == Revision.Of(Deployment.Spec.Template));
        Old = [.. Sets.Where(set => set != Updated)];
        UpdatedPods = Updated is null ? [] : [.. Live(Updated).Where(module => module.IsBound).Select(module => module.Spec.PodUid!)];
        LiveUpdated = Updated is null ? 0 : Live(Updated).Count;
        LiveOld = Old.SelectMany(Live).Select(module => module.Spec.PodUid ?? module.Metadata.Uid!).Distinct()
            .Count(pod => !UpdatedPods.Contains(pod));
        Unplaced = Updated is null ? 0 : Live(Updated).Count(module => !module.IsBound);
        UpdatedAvailable = Updated is null ? 0 : Live(Updated).Where(HasServed).Select(module => module.Spec.PodUid).Distinct().Count();
        Available = Sets.SelectMany(Live).Where(HasServed).Select(module => module.Spec.PodUid).Distinct().Count();
        IsMoving = Updated is null || !IsCompleted(Updated) || Old.Exists(set => set.Goal > 0 || Live(set).Count > 0);
        LastCompleted = Sets.Where(IsCompleted).MaxBy(CompletedAt);
    }

    public DateTimeOffset Now { get; }

    public Freeze? Freeze { get; }

    public ModuleDeployment Deployment { get; }

    public List<ReplicaSetWithModules> Sets { get; }

    public ReplicaSetWithModules? Updated { get; }

    public List<ReplicaSetWithModules> Old { get; }

    public HashSet<string> UpdatedPods { get; }

    public int Desired { get; }

    public int LiveUpdated { get; }

    /// <summary>Places that only an older revision has.</summary>
    public int LiveOld { get; }

    public int LiveSlots => LiveUpdated + LiveOld;

    /// <summary>Pods that carry any revision.</summary>
    public int PlacedSlots => Sets.SelectMany(Live).Where(module => module.IsBound).Select(module => module.Spec.PodUid).Distinct().Count();

    public int Unplaced { get; }

    public int UpdatedAvailable { get; }

    public int Available { get; }

    public bool IsMoving { get; }

    public ReplicaSetWithModules? LastCompleted { get; }

    public ReleaseStatus? Release => Deployment.Status.ReleaseStatus;

    public OperationStrategy Strategy => Deployment.Spec.OperationStrategy;

    public string RevisionHash => Revision.Of(Deployment.Spec.Template).Hash();

    /// <summary>Somebody said that nothing moves.</summary>
    public bool IsHeld => Deployment.Spec.Paused == true || Freeze is { Reason.Length: > 0 };

    /// <summary>The release was given up, and nothing says that it goes back by itself.</summary>
    public bool RollsBack(ReleaseStatus release) => release.Abort is { } abort && abort.Reason != Reasons.Aborted
        && Strategy.AutoRollback == true
            && (abort.Reason == Reasons.BaseDied ? Old.Exists(IsCompleted) : LastCompleted is not null && LastCompleted != Updated);

    /// <summary>Modules of the revision, from the artifact that is wanted now, that do not serve and whose author has to act; but
    /// not those that served in a revision that has proved itself.</summary>
    public int UserFailures(DateTimeOffset? forgivenUntil)
    {
        if (Updated is null) return 0;
        string[] ofTheUser = ["InvalidArtifact", "DigestMismatch", "ArtifactNotFound", "BizStartFailed", "WebContextPathConflict",
            "HookFailed", "BaseDied"];
        return Live(Updated).Count(module => module.Status.Status != ModulePhase.Available && module.Status.LastError is { } error
            // A JVM exit that may have been another's counts for nobody.
            && ofTheUser.Contains(error.Reason) && !(error.Reason == "BaseDied" && error.Code?.StartsWith('0') == true)
                && (forgivenUntil is null || error.Time > forgivenUntil)
            && module.Spec.Module == Deployment.Spec.Template.Spec.Module
                && !(IsCompleted(Updated) && module.Status.InstalledAt is not null));
    }

    private int? Number => Deployment.Spec.Replicas;

    private int? Scale => Deployment.Spec.ScaleReplicas;

    /// <summary>The other field says what was seen last, so this one is the change; replicas wins where both are, or while it is
    /// still being carried out.</summary>
    private bool IsScaled => Number is null
        ? Scale is not null
        : Scale is not null && Scale != Number && Number == Deployment.Status.ObservedReplicas && Release?.PendingReplicas is null;

    /// <summary>Another number by <c>replicas</c>, and neither a scale nor our own copy explains it.</summary>
    public bool IsNewNumber
    {
        get
        {
            if (Number == -1) return false;
            var observed = Deployment.Status.ObservedReplicas;
            if (IsScaled && (Number is not null || Scale != observed)) return false;
            if (Number == Scale && Scale is not null && Scale != observed) return false;
            return Desired != (Release?.PendingReplicas ?? observed ?? 0);
        }
    }

    public int SumOfGoals => Sets.Sum(set => set.Goal);

    public IReadOnlyList<Module> Live(ReplicaSetWithModules set) => _live[set.ReplicaSet.Metadata.Name];

    public int GoalOf(ReplicaSetWithModules? set) =>
        set is null ? 0 : Sets.Find(other => other.ReplicaSet.Metadata.Name == set.ReplicaSet.Metadata.Name)?.Goal ?? 0;

    public static bool IsCompleted(ReplicaSetWithModules set) => set.ReplicaSet.Metadata.Annotations.ContainsKey(Annotations.CompletedAt);

    public static (string, long) CompletedAt(ReplicaSetWithModules set) =>
        (set.ReplicaSet.Metadata.Annotations[Annotations.CompletedAt], set.Revision);

    /// <summary>The share of a batch, from the sentence in the semantics.</summary>
    public int Aim(int batch, ReleaseStatus release)
    {
        var batches = release.RealBatchCount ?? 1;
        if (batch <= 0) return 0;
        if (batch >= batches) return Desired;
        return Strategy.UseBeta == true && batches > 1
            ? Math.Min(Desired, 1) + (int)Math.Ceiling((batch - 1) * Math.Max(0, Desired - 1) / (double)(batches - 1))
            : (int)Math.Ceiling(batch * Desired / (double)batches);
    }

    /// <summary>How many there should be of all revisions, when the number changes with the release.</summary>
    public int Total(int batch, ReleaseStatus release)
    {
        var delta = Deployment.Spec.IsSymmetric ? 0 : release.OriginalDeltaReplicas ?? 0;
        var share = Math.Min(Math.Abs(delta), (int)Math.Ceiling(batch * Math.Abs(delta) / (double)(release.RealBatchCount ?? 1)));
        return Desired - delta + (Math.Sign(delta) * share);
    }

    /// <summary>Under scaleup_then_scaledown: a pod is about to be left by an old one, or is starting.</summary>
    public bool IsPlaceComing(SmallWorld world)
    {
        if (Release?.UpgradePolicy != "scaleup_then_scaledown" || Deployment.Spec.IsSymmetric || Release.Abort is not null
            || !Old.Exists(set => set.Modules.Count > 0))
            return false;
        var pods = world.Pods.Values.ToDictionary(pod => pod.Uid);
        var all = Sets.SelectMany(set => set.Modules).Where(module => module.IsBound && pods.ContainsKey(module.Spec.PodUid!)).ToList();
        var updated = Updated is null ? [] : Live(Updated);
        return all.Exists(module => module.Metadata.IsDeleting)
            || Old.SelectMany(Live)
                .Any(old => old.IsBound
                && updated.Any(module => module.IsBound && module.Spec.Replaces == old.Metadata.Uid
                && module.Spec.PodUid != old.Spec.PodUid))
            || pods.Values.Any(pod => pod.IsStarting && all.TrueForAll(module => module.Spec.PodUid != pod.Uid));
    }

    private bool HasServed(Module module) => module is { IsBound: true, IsAvailable: true }
        && ModuleReadiness.ServingSince(module) is { } since && Now - since >= TimeSpan.FromSeconds(Deployment.Spec.MinReadySeconds ?? 0);
}
