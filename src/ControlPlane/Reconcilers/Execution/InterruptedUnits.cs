using System.Collections.Concurrent;
using ModuleController.Core.Execution;
using ModuleController.Core.Meta;

namespace ModuleController.ControlPlane.Reconcilers.Execution;

/// <summary>The units, by key, whose last write was interrupted: by an outage of the API server, or by a webhook that fails.</summary>
internal sealed class InterruptedUnits
{
    private static readonly Dictionary<string, FirstInterruption> None = [];

    // One worker at a time has a key, and with it the inner dictionary.
    private readonly ConcurrentDictionary<ObjectKey, Dictionary<string, FirstInterruption>> _interrupted = new();

    /// <summary>By unit: its first interruption. Forgets what is no longer planned.</summary>
    public IReadOnlyDictionary<string, FirstInterruption> Of(ObjectKey key, IReadOnlyDictionary<string, string> planned)
    {
        if (!_interrupted.TryGetValue(key, out var interrupted)) return None;
        foreach (var unit in interrupted.Keys.Where(unit => !planned.ContainsKey(unit)).ToList()) Remove(key, unit);
        return interrupted;
    }

    /// <summary>The units to try after all others: the interrupted ones, and what else is for their ModuleDeployments.</summary>
    public static IEnumerable<string> Last<TStep>(
        IReadOnlyList<PlannedStep<TStep>> steps, IReadOnlyDictionary<string, FirstInterruption> interrupted)
    {
        if (interrupted.Count == 0) return [];
        var owners = steps.Where(step => interrupted.ContainsKey(step.Unit)).Select(OwnerOf).ToHashSet();
        var last = steps.Where(step => owners.Contains(OwnerOf(step))).Select(step => step.Unit).ToHashSet();
        return steps.All(step => last.Contains(step.Unit)) ? [.. interrupted.Keys] : last;
    }

    public void Add(ObjectKey key, string unit, FirstInterruption first) => _interrupted.GetOrAdd(key, _ => []).TryAdd(unit, first);

    /// <summary>The unit fails alone. At the next interruption, only what is answered from now on counts.</summary>
    public void AddFailedAlone(ObjectKey key, string unit, FirstInterruption now)
    {
        var units = _interrupted.GetOrAdd(key, _ => []);
        units[unit] = units.TryGetValue(unit, out var first) ? now with { At = first.At } : now;
    }

    public void Remove(ObjectKey key, string unit)
    {
        if (_interrupted.TryGetValue(key, out var interrupted) && interrupted.Remove(unit) && interrupted.Count == 0) Forget(key);
    }

    public void Forget(ObjectKey key) => _interrupted.TryRemove(key, out _);

    /// <summary>The ModuleDeployments that a step is for, or the unit itself if it is for none.</summary>
    public static string OwnerOf<TStep>(PlannedStep<TStep> step) => step.For.Count == 0 ? step.Unit : string.Join(' ', step.For);
}

/// <param name="AnsweredBefore">How many writes had been answered.</param>
internal readonly record struct FirstInterruption(long AnsweredBefore, DateTimeOffset At);
