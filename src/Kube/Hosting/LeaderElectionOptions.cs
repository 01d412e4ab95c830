using ModuleController.Core.Meta;

namespace ModuleController.Kube.Hosting;

/// <summary>Which lease, and how long it is good.</summary>
public sealed record LeaderElectionOptions(ObjectKey Lease, LeaderIdentity Identity)
{
    /// <summary>Others take the lease when it has not been renewed for this long.</summary>
    public TimeSpan Duration { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>The holder gives up this long after its last renewal, before others may take the lease.</summary>
    public TimeSpan RenewDeadline { get; init; } = TimeSpan.FromSeconds(10);

    public TimeSpan RetryPeriod { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>How long a process that has released the lease waits for the next holder; null: for a little more than the retry period, in
    /// which each candidate tries once.</summary>
    public TimeSpan? SuccessorWait { get; init; }

    /// <summary>An acquisition makes the epoch more than this.</summary>
    public int EpochFloor { get; init; }

    /// <summary>How long one request may take: after one that hangs there is time for a second one before the renew deadline.</summary>
    public TimeSpan RequestTimeout => RenewDeadline / 2;

    /// <summary>A Lease has whole seconds. They are rounded up: a longer duration only delays the next leader.</summary>
    internal int DurationSeconds => (int)Math.Ceiling(Duration.TotalSeconds);
}
