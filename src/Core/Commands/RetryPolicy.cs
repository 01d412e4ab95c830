using ModuleController.Core.Meta;

namespace ModuleController.Core.Commands;

/// <summary>What follows a failed attempt; a closed set.</summary>
public abstract record Retry
{
    private Retry()
    {
    }

    /// <summary>The same artifact is not tried again.</summary>
    public sealed record Final : Retry;

    /// <summary>This base life has no room: only another pod, or a new life, can help.</summary>
    public sealed record Elsewhere : Retry;

    public sealed record After(TimeSpan Delay) : Retry;
}

/// <summary>Which failures are final, and when to try the others again.</summary>
public static class RetryPolicy
{
    private static readonly Backoff Backoff = new(TimeSpan.FromSeconds(0.8), TimeSpan.FromMinutes(5), 0.25);

    /// <summary>A revision that ended this many base lives is not tried again.</summary>
    public const int ExitsForgiven = 1;

    /// <param name="attempts">How many have failed; for <see cref="FailureReason.BaseDied"/>, how many lives have ended.</param>
    /// <param name="hasServed">
    /// This revision was Available once. Then its artifact is good, and what fails now is its surroundings: a database
    /// that is down during a replay.
    /// </param>
    /// <param name="jitter">0 to 1, so that a thousand bases don't try again in the same second.</param>
    public static Retry Next(FailureReason reason, int attempts, bool hasServed, double jitter) => reason switch
    {
        FailureReason.BaseDied when attempts <= ExitsForgiven => new Retry.After(TimeSpan.Zero),
        FailureReason.BaseDied => new Retry.Final(),
        FailureReason.MetaspaceFull => new Retry.Elsewhere(),
        _ when reason.Class() is FailureClass.User && !hasServed => new Retry.Final(),
        _ => new Retry.After(Delay(attempts, jitter)),
    };

    /// <summary>1, 2, 4, 8 … seconds up to 5 minutes, each up to a fifth shorter: so the next is always longer until then.</summary>
    public static TimeSpan Delay(int attempts, double jitter) => Backoff.After(attempts, 1 - jitter);

    /// <summary>The same for the same Module and attempt in every process: a restart does not move a retry.</summary>
    public static double Jitter(string moduleUid, int attempt)
    {
        // FNV-1a: string.GetHashCode differs from process to process.
        var hash = 2166136261u;
        foreach (var character in moduleUid) hash = (hash ^ character) * 16777619;
        hash = (hash ^ (uint)attempt) * 16777619;
        return hash % 1000 / 1000.0;
    }
}
