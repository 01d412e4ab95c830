using System.Collections.Concurrent;
using ModuleController.Core.Execution;
using ModuleController.Core.Meta;
using ModuleController.Kube.Client;
using ModuleController.Kube.Queues;

namespace ModuleController.ControlPlane.Reconcilers.Execution;

/// <summary>Carries plans out, unit by unit.</summary>
/// <remarks>
/// A rejected unit stops nothing but itself and what requires it. It is logged once per change, and tried again after its backoff.
/// A conflict means that the cache was stale: the key is reconciled again soon, and nothing is reported.
/// Where no answer comes, or the API server is overloaded, the rest of the plan is not tried.
/// </remarks>
internal sealed partial class Executor(TimeProvider time, ILogger logger)
{
    private readonly UnitFailures _failures = new();

    // How many reconciles in a row met a conflict.
    private readonly ConcurrentDictionary<ObjectKey, int> _conflicts = new();

    public void Forget(ObjectKey key)
    {
        _failures.Forget(key);
        _conflicts.TryRemove(key, out _);
    }

    public async Task<Outcome> ExecuteAsync<TStep>(
        ObjectKey key, IReadOnlyList<IReadOnlyList<PlannedStep<TStep>>> stages, Func<TStep, Task> carryOut)
    {
        var contents = stages.SelectMany(stage => stage).DistinctBy(step => step.Unit).ToDictionary(step => step.Unit, step => step.Content);
        var run = new PlanRun<TStep>([.. stages.Select(stage => InOrder(key, stage))], _failures.Held(key, contents, time.GetUtcNow()));
        HashSet<string> tried = [];
        var (hasConflict, interruption) = (false, (Exception?)null);
        while (run.Next() is { Count: > 0 } group)
        {
            ConcurrentBag<(PlannedStep<TStep> Step, KubeException Exception)> errors = [];
            await Task.WhenAll(group.Select(async step =>
            {
                try
                {
                    await carryOut(step.Step);
                }
                catch (KubeException exception)
                {
                    errors.Add((step, exception));
                }
            }));
            tried.UnionWith(group.Select(step => step.Unit));
            foreach (var (step, exception) in errors)
            {
                run.Fail(step.Unit);
                if (IsOutage(exception.Error))
                {
                    interruption = exception;
                    run.Stop();
                }
                else if (exception.IsConflict) hasConflict = true;
                else if (!exception.Error.IsNamespaceTerminating) Add(key, step, exception);
            }
        }

        foreach (var unit in tried.Where(unit => !run.HasFailed(unit)))
            if (_failures.Remove(key, unit)) LogAccepted(key, unit);
        return OutcomeOf(key, contents.Keys.Where(run.HasFailed), hasConflict) with { Interruption = interruption };
    }

    private void Add<TStep>(ObjectKey key, PlannedStep<TStep> step, KubeException exception)
    {
        if (!_failures.Add(key, step, exception.Error, time.GetUtcNow())) return;
        if (exception.IsAlreadyExists) LogExists(key, exception.Message);
        else LogRejected(key, step.Unit, exception.Message);
    }

    private Outcome OutcomeOf(ObjectKey key, IEnumerable<string> failed, bool hasConflict)
    {
        var now = time.GetUtcNow();
        var failures = _failures.Of(key);
        DateTimeOffset? retryAt = failures.Count == 0 ? null : failures.Min(failure => failure.RetryAt);
        if (!hasConflict) _conflicts.TryRemove(key, out _);
        else retryAt = new[] { retryAt, now + Backoff.Default.After(_conflicts.AddOrUpdate(key, 1, (_, count) => count + 1)) }.Min();
        var reported = failures.Where(failure => failure.IsReported(now))
            .OrderBy(failure => failure.Since).ThenBy(failure => failure.Unit, StringComparer.Ordinal).ToList();
        return new(failed.ToHashSet(), retryAt)
        {
            Rejected = failures.Select(failure => failure.Unit).ToHashSet(),
            Rejections = reported.SelectMany(failure => failure.For.Select(deployment => (Deployment: deployment, failure.Error)))
                .GroupBy(item => item.Deployment).ToDictionary(group => group.Key, group => group.First().Error.ToString()),
            OwnRejections = [.. reported.Where(failure => failure.For.Count == 0).Select(failure => failure.Error.ToString()).Distinct()],
        };
    }

    // One that is rejected for its own sake does not keep the others of its unit waiting.
    private IReadOnlyList<PlannedStep<TStep>> InOrder<TStep>(ObjectKey key, IReadOnlyList<PlannedStep<TStep>> stage) =>
        _failures.Of(key).Count == 0 ? stage : [.. stage.OrderBy(step => _failures.WasRejected(key, step.Unit, step.Name))];

    /// <summary>The same answer is to be expected for every other request.</summary>
    private static bool IsOutage(KubeError error) => error.IsUnanswered || error.Code is 401 or 429 or 503 or 504;

    [LoggerMessage(LogLevel.Warning, "{Key}: {Unit} was rejected and is tried again with backoff: {Why}")]
    private partial void LogRejected(ObjectKey key, string unit, string why);

    [LoggerMessage(LogLevel.Debug, "{Key}: is not in the cache, but exists: {Why}")]
    private partial void LogExists(ObjectKey key, string why);

    [LoggerMessage(LogLevel.Information, "{Key}: {Unit} is no longer rejected")]
    private partial void LogAccepted(ObjectKey key, string unit);
}
