using ModuleController.Core.Modules;

namespace ModuleController.Core.Planning;

/// <summary>A revision that takes its JVM down: after two deaths, on any pods, it is neither placed nor replayed.</summary>
public static class RolloutPoison
{
    private const int DeathsAllowed = 1;

    /// <param name="modules">All Modules of the revision.</param>
    /// <param name="artifact">Only its deaths count: another url may mend the revision.</param>
    /// <param name="retriedAt">Deaths until then are forgiven.</param>
    public static bool IsPoison(IReadOnlyCollection<Module> modules, ModuleSource artifact, DateTimeOffset? retriedAt, DateTimeOffset now)
    {
        var deaths = 0;
        foreach (var module in modules)
            if (module.Spec.Module == artifact && module.Status.LastError is { } error && !(error.Time <= retriedAt)) deaths += Retries.DeathsIn(error);
        return deaths > DeathsAllowed
            && !modules.Any(module => ModuleReadiness.ServingSince(module) is { } since && now - since >= BasePodTimes.Suspicious);
    }
}
