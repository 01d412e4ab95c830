using System.Globalization;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Facts;
using ModuleController.Core.Modules.Names;
using ModuleController.Core.Modules.Rules;

namespace ModuleController.Core.Rollouts;

/// <summary>Conditions and texts that several parts of a ModuleDeployment's status share.</summary>
internal static class StatusText
{
    private const int MaxBreaches = 5;

    public static Condition ConditionOf(ModuleDeployment deployment, string type, string status, string reason, string message) => new()
    {
        Type = type,
        Status = status,
        Reason = reason,
        Message = message,
        ObservedGeneration = deployment.Metadata.Generation,
    };

    /// <summary>Live Modules that failed and do not serve, in the order of their names.</summary>
    public static List<Module> Failed(IEnumerable<ReplicaSetWithModules> sets) =>
    [
        .. sets.SelectMany(set => set.Modules)
            .Where(module => module is { Metadata.IsDeleting: false, IsAvailable: false, Status.LastError: not null })
            .OrderBy(module => module.Metadata.Name, StringComparer.Ordinal),
    ];

    public static Condition? Failures(RolloutState state)
    {
        var failed = Failed(state.Sets);
        if (failed.Count == 0) return null;
        var most = failed.GroupBy(module => module.Status.LastError!.Reason)
            .OrderByDescending(group => group.Count()).ThenBy(group => group.Key, StringComparer.Ordinal).First();
        var example = most.First();
        return ConditionOf(state.Deployment, DeploymentConditions.ReplicaFailure, Condition.True, most.Key,
            $"{CountOf(failed.Count)} failed; on base pod {example.Spec.PodName}: {example.Status.LastError!.Message}");
    }

    /// <summary>What has to be corrected first is first. A spec can break thousands of rules; a condition has to stay small.</summary>
    public static string Of(IReadOnlyList<RuleBreach> breaches) =>
        string.Join("; ", breaches.OrderBy(breach => breach.Instead is not null).Take(MaxBreaches)
            .Select(breach => breach.Instead is null ? $"{breach}" : $"{breach} ({breach.Instead})"))
        + (breaches.Count > MaxBreaches ? $"; and {Number(breaches.Count - MaxBreaches)} more" : "");

    public static string ReasonsOf(IEnumerable<Module> failed) => string.Join(", ",
        failed.Select(module => module.Status.LastError!.Reason).Distinct().Order(StringComparer.Ordinal));

    /// <summary><c>1 module</c>, <c>2 modules</c>.</summary>
    public static string CountOf(int count) => $"{Number(count)} {(count == 1 ? "module" : "modules")}";

    /// <summary><c>3 of 3 modules are available</c>, also while more than that are.</summary>
    public static string AvailableOf(int available, int desired) =>
        $"{Number(Math.Min(available, desired))} of {Number(desired)} {(desired == 1 ? "module is" : "modules are")} available";

    public static string Number(int number) => number.ToString(CultureInfo.InvariantCulture);
}
