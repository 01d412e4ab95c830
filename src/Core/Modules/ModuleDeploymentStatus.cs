using ModuleController.Core.Meta;

namespace ModuleController.Core.Modules;

/// <summary>What is true of a ModuleDeployment; overlapping versions on one pod count once.</summary>
public sealed record ModuleDeploymentStatus
{
    public int? Replicas { get; init; }

    public int? ReadyReplicas { get; init; }

    public int? AvailableReplicas { get; init; }

    public int? UnavailableReplicas { get; init; }

    public int? UpdatedReplicas { get; init; }

    public int? UpgradingReplicas { get; init; }

    public int? UpdatedReadyReplicas { get; init; }

    public int? UpdatedAvailableReplicas { get; init; }

    public int? CurrentReplicas { get; init; }

    public int? CollisionCount { get; init; }

    public long? ObservedGeneration { get; init; }

    public string? Selector { get; init; }

    public int? ObservedReplicas { get; init; }

    public int? StaleArtifactReplicas { get; init; }

    public string? AbortedRevision { get; init; }

    public IReadOnlyList<Condition> Conditions { get; init => field = value ?? []; } = [];

    public ReleaseStatus? ReleaseStatus { get; init; }
}

/// <summary>How far the release is.</summary>
public sealed record ReleaseStatus
{
    public string? UpdateRevision { get; init; }

    public int? CurrentBatch { get; init; }

    public int? RealBatchCount { get; init; }

    public int? OriginalDeltaReplicas { get; init; }

    public string? Progress { get; init; }

    public string? BatchProgress { get; init; }

    public string? UpgradePolicy { get; init; }

    public int? IgnoredConfirmBatchNum { get; init; }

    public DateTimeOffset? LastTransitionTime { get; init; }

    public DateTimeOffset? LastProgressTime { get; init; }

    public DateTimeOffset? NextReconcileTime { get; init; }
}

/// <summary>The values of <c>releaseStatus.progress</c>.</summary>
public static class ReleaseProgress
{
    public const string Init = "Init";
    public const string WaitingForConfirmation = "WaitingForConfirmation";
    public const string Executing = "Executing";
    public const string Paused = "Paused";
    public const string Completed = "Completed";
    public const string Aborted = "Aborted";
    public const string Terminating = "Terminating";
    public const string Terminated = "Terminated";
}
