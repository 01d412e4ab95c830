using System.Collections.Concurrent;
using ModuleController.Core.Execution;
using ModuleController.Core.Meta;

namespace ModuleController.ControlPlane.Reconcilers.Execution;

/// <summary>Carries plans out, unit by unit.</summary>
/// <remarks>
/// A rejected unit stops nothing but itself and what requires it. It is logged once per change, and tried again after its backoff.
/// An unexpected exception fails its unit in the same way.
/// A conflict means that the cache was stale: the key is reconciled again soon, and nothing is reported.
/// In an outage of the API server the rest of the plan is not tried. The interrupted units come last at the next reconcile.
/// </remarks>
internal sealed class Executor(TimeProvider time, ILogger logger)
{
    private readonly ExecutionHistory _history = new(new(time, logger), new(), new());

    // How many reconciles in a row had a conflict.
    private readonly ConcurrentDictionary<ObjectKey, int> _conflicts = new();

    /// <summary>Of all keys.</summary>
    public AnsweredWrites AnsweredWrites => _history.Answered;

    public void Forget(ObjectKey key)
    {
        _history.Failures.Forget(key);
        _history.Interrupted.Forget(key);
        _conflicts.TryRemove(key, out _);
    }

    /// <summary>Whether a unit of the key that fails now is one of these.</summary>
    public bool IsFailing(ObjectKey key, Func<string, bool> isUnit) => _history.Failures.Of(key).Any(failure => isUnit(failure.Unit));

    /// <param name="carryOut">Carries out one step. Its result is the time at which a deferred step is due; null: it was carried
    /// out.</param>
    public async Task<Outcome> ExecuteAsync<TStep>(
        ObjectKey key, IReadOnlyList<IReadOnlyList<PlannedStep<TStep>>> stages, Func<TStep, Task<DateTimeOffset?>> carryOut)
    {
        var execution = new PlanExecution<TStep>(key, stages, _history, time.GetUtcNow());
        await execution.RunAsync(carryOut);
        var interruption = execution.RecordInterruptions(time.GetUtcNow());
        execution.RecordSuccesses();
        DateTimeOffset?[] dueAt = [.. execution.DueAt(), NextAfterConflict(key, execution.HasConflict)];
        return WithRejections(new(execution.UnfinishedUnits, dueAt.Min()) { Interruption = interruption }, _history.Failures.Of(key));
    }

    /// <summary>Null: there was no conflict.</summary>
    private DateTimeOffset? NextAfterConflict(ObjectKey key, bool hasConflict)
    {
        if (!hasConflict)
        {
            _conflicts.TryRemove(key, out _);
            return null;
        }

        var conflicts = _conflicts.AddOrUpdate(key, 1, (_, count) => count + 1);
        return time.GetUtcNow() + Backoff.Default.After(conflicts, Random.Shared.NextDouble());
    }

    private Outcome WithRejections(Outcome outcome, IReadOnlyCollection<UnitFailure> failures)
    {
        var now = time.GetUtcNow();
        var reported = failures.Where(failure => failure.IsReported(now))
            .OrderBy(failure => failure.Since).ThenBy(failure => failure.Unit, StringComparer.Ordinal).ToList();
        return outcome with
        {
            Rejected = failures.Select(failure => failure.Unit).ToHashSet(),
            Rejections = reported.SelectMany(failure => failure.For.Select(deployment => (Deployment: deployment, failure.Message)))
                .GroupBy(item => item.Deployment).ToDictionary(group => group.Key, group => group.First().Message),
            OwnRejections = [.. reported.Where(failure => failure.For.Count == 0).Select(failure => failure.Message).Distinct()],
        };
    }
}
