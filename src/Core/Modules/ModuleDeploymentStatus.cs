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

    /// <summary>By how many the number of modules changes; 0 for an upgrade alone.</summary>
    public int? OriginalDeltaReplicas { get; init; }

    /// <summary>The number of replicas that began this release, until observedReplicas shows it.</summary>
    public int? PendingReplicas { get; init; }

    public string? Progress { get; init; }

    public string? BatchProgress { get; init; }

    public string? UpgradePolicy { get; init; }

    public int? IgnoredConfirmBatchNum { get; init; }

    /// <summary>The remaining waits of this release are skipped.</summary>
    public bool? Promoted { get; init; }

    /// <summary>Failures before this time are forgiven.</summary>
    public DateTimeOffset? RetriedAt { get; init; }

    /// <summary>Why the release was stopped for good; null: it was not.</summary>
    public ReleaseAbort? Abort { get; init; }

    public DateTimeOffset? LastTransitionTime { get; init; }

    public DateTimeOffset? LastProgressTime { get; init; }

    public DateTimeOffset? NextReconcileTime { get; init; }
}

/// <summary>The end of a release that did not complete: it holds until the template changes, or a retry.</summary>
public sealed record ReleaseAbort
{
    public string Reason { get; init => field = value ?? ""; } = "";

    public string Message { get; init => field = value ?? ""; } = "";

    /// <summary>A hash of the aborted url and digests: with others the release continues.</summary>
    public string? Artifact { get; init; }
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
}
