using System.Collections.Concurrent;
using ModuleController.Core.Execution;
using ModuleController.Core.Meta;
using ModuleController.Kube.Client;
using ModuleController.Kube.Queues;

namespace ModuleController.ControlPlane.Reconcilers.Execution;

/// <summary>Carries plans out, unit by unit.</summary>
/// <remarks>
/// A rejected unit stops nothing but itself and what requires it. It is logged once per change, and tried again after its backoff.
/// An unexpected exception fails its unit in the same way.
/// A conflict means that the cache was stale: the key is reconciled again soon, and nothing is reported.
/// In an outage of the API server the rest of the plan is not tried. What met it comes last at the next reconcile.
/// </remarks>
internal sealed partial class Executor(TimeProvider time, ILogger logger)
{
    private readonly UnitFailures _failures = new();
    private readonly InterruptedUnits _interrupted = new();

    // How many reconciles in a row met a conflict.
    private readonly ConcurrentDictionary<ObjectKey, int> _conflicts = new();

    /// <summary>Of the writes of all keys.</summary>
    public Answers Answers { get; } = new();

    public void Forget(ObjectKey key)
    {
        _failures.Forget(key);
        _interrupted.Forget(key);
        _conflicts.TryRemove(key, out _);
    }

    /// <summary>Whether a unit of the key that fails now is one of these.</summary>
    public bool IsFailing(ObjectKey key, Func<string, bool> isUnit) => _failures.Of(key).Any(failure => isUnit(failure.Unit));

    /// <param name="carryOut">Carries out one step. Its result is the time at which a deferred step is due; null: it was carried
    /// out.</param>
    public async Task<Outcome> ExecuteAsync<TStep>(
        ObjectKey key, IReadOnlyList<IReadOnlyList<PlannedStep<TStep>>> stages, Func<TStep, Task<DateTimeOffset?>> carryOut)
    {
        var steps = stages.SelectMany(stage => stage).ToList();
        var contents = steps.DistinctBy(step => step.Unit).ToDictionary(step => step.Unit, step => step.Content);
        var left = steps.CountBy(step => step.Unit).ToDictionary();
        var held = _failures.Held(key, contents, time.GetUtcNow());
        var interrupted = _interrupted.Of(key, contents);
        var run = new PlanRun<TStep>([.. stages.Select(stage => InOrder(key, stage))], held, InterruptedUnits.Last(steps, interrupted));
        var outage = new PossibleOutage<TStep>(Answers, interrupted, time.GetUtcNow());
        HashSet<string> failedNow = [];
        List<DateTimeOffset> dueAt = [];
        var hasConflict = false;
        while (run.Next() is { Count: > 0 } group)
        {
            var answered = Answers.Count;
            var results = await Task.WhenAll(group.Select(step => TryAsync(() => carryOut(step.Step))));
            foreach (var (step, (deferredUntil, exception)) in group.Zip(results))
            {
                if (deferredUntil is null && exception is null) left[step.Unit]--;
                else run.Fail(step.Unit);
                if (deferredUntil is { } due) dueAt.Add(due);
                else if (exception is KubeException { Error.IsOutage: true } unavailable) outage.Meet(step, unavailable, answered);
                else
                {
                    if (exception is null or KubeException) _interrupted.Remove(key, step.Unit);
                    if (exception is KubeException { IsConflict: true }) hasConflict = true;
                    else if (exception is not (null or KubeException { Error.IsNamespaceTerminating: true }))
                    {
                        Add(key, step, exception);
                        failedNow.Add(step.Unit);
                    }
                }
            }

            if (outage.IsOutage()) run.Stop();
        }

        var interruption = Judge(key, outage, failedNow);
        foreach (var unit in left.Where(item => item.Value == 0).Select(item => item.Key))
            if (_failures.Remove(key, unit) is { } failure) LogAccepted(key, unit, failure.Count + 1);
        var failures = _failures.Of(key);
        // What was not tried although its time has come waits for another unit, or for a deferred step.
        dueAt.AddRange(failures.Where(failure => failedNow.Contains(failure.Unit) || held.Contains(failure.Unit))
            .Select(failure => failure.RetryAt));
        if (!hasConflict) _conflicts.TryRemove(key, out _);
        else dueAt.Add(time.GetUtcNow() + Backoff.Default.After(_conflicts.AddOrUpdate(key, 1, (_, count) => count + 1)));
        return OutcomeOf(failures, left, dueAt) with { Interruption = interruption };
    }

    // A bug that shows in one step is no reason to stop all others of the key.
    private static async Task<(DateTimeOffset? DeferredUntil, Exception? Exception)> TryAsync(Func<Task<DateTimeOffset?>> carryOut)
    {
        try
        {
            return (await carryOut(), null);
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            return (null, exception);
        }
    }

    /// <returns>What may be an outage; null: nothing.</returns>
    private KubeException? Judge<TStep>(ObjectKey key, PossibleOutage<TStep> outage, HashSet<string> failedNow)
    {
        KubeException? interruption = null;
        var first = new FirstInterruption(Answers.Count, time.GetUtcNow());
        foreach (var met in outage.Met)
        {
            var unit = met.Step.Unit;
            if (outage.IsOwnFailure(met))
            {
                Add(key, met.Step, met.Exception);
                failedNow.Add(unit);
                _interrupted.Confirm(key, unit, first);
            }
            else
            {
                interruption ??= met.Exception;
                _interrupted.TryAdd(key, unit, first);
            }
        }

        return interruption;
    }

    private void Add<TStep>(ObjectKey key, PlannedStep<TStep> step, Exception exception)
    {
        if (!_failures.Add(key, step, exception, time.GetUtcNow())) return;
        if (exception is not KubeException rejected) LogFailed(exception, key, step.Unit);
        else if (rejected.IsAlreadyExists) LogExists(key, exception.Message);
        else LogRejected(key, step.Unit, exception.Message);
    }

    private Outcome OutcomeOf(
        IReadOnlyCollection<UnitFailure> failures, IReadOnlyDictionary<string, int> left, IReadOnlyCollection<DateTimeOffset> dueAt)
    {
        var now = time.GetUtcNow();
        var reported = failures.Where(failure => failure.IsReported(now))
            .OrderBy(failure => failure.Since).ThenBy(failure => failure.Unit, StringComparer.Ordinal).ToList();
        return new(left.Where(item => item.Value > 0).Select(item => item.Key).ToHashSet(), dueAt.Count == 0 ? null : dueAt.Min())
        {
            Rejected = failures.Select(failure => failure.Unit).ToHashSet(),
            Rejections = reported.SelectMany(failure => failure.For.Select(deployment => (Deployment: deployment, failure.Message)))
                .GroupBy(item => item.Deployment).ToDictionary(group => group.Key, group => group.First().Message),
            OwnRejections = [.. reported.Where(failure => failure.For.Count == 0).Select(failure => failure.Message).Distinct()],
        };
    }

    // One that is rejected for its own sake does not keep the others of its unit waiting.
    private IReadOnlyList<PlannedStep<TStep>> InOrder<TStep>(ObjectKey key, IReadOnlyList<PlannedStep<TStep>> stage) =>
        _failures.Of(key).Count == 0 ? stage : [.. stage.OrderBy(step => _failures.WasRejected(key, step.Unit, step.Name))];

    [LoggerMessage(LogLevel.Warning, "{Key}: {Unit} was rejected and is tried again with backoff: {Why}")]
    private partial void LogRejected(ObjectKey key, string unit, string why);

    [LoggerMessage(LogLevel.Error, "{Key}: {Unit} failed and is tried again with backoff")]
    private partial void LogFailed(Exception exception, ObjectKey key, string unit);

    [LoggerMessage(LogLevel.Debug, "{Key}: is not in the cache, but exists: {Why}")]
    private partial void LogExists(ObjectKey key, string why);

    [LoggerMessage(LogLevel.Information, "{Key}: {Unit} succeeded at attempt {Attempt}")]
    private partial void LogAccepted(ObjectKey key, string unit, int attempt);
}
