namespace ModuleController.Agent.Artifacts;

/// <summary>Limits of one download.</summary>
public sealed record DownloadLimits
{
    public long MaxBytes { get; init; } = 512L * 1024 * 1024;

    public int MaxRedirects { get; init; } = 5;

    public int Attempts { get; init; } = 5;

    public TimeSpan FirstDelay { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>After a longer <c>Retry-After</c>, this command sends no further request. The result carries the requested wait.</summary>
    public TimeSpan MaxDelay { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>A connection on which nothing arrives for this long is closed.</summary>
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromSeconds(20);
}
