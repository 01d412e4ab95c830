using ModuleController.Core.Execution;
using ModuleController.Core.Meta;
using ModuleController.Kube.Client;

namespace ModuleController.ControlPlane.Reconcilers.Execution;

/// <summary>What an executor remembers of the plans of all keys.</summary>
internal sealed record ExecutionHistory(UnitFailures Failures, InterruptedUnits Interrupted, AnsweredWrites Answered);

/// <summary>Carries out one plan once.</summary>
internal sealed class PlanExecution<TStep>
{
    private readonly ObjectKey _key;
    private readonly ExecutionHistory _history;
    private readonly Dictionary<string, int> _stepsLeft;
    private readonly IReadOnlyList<string> _inBackoff;
    private readonly PlanRun<TStep> _run;
    private readonly OutageDetector<TStep> _outage;
    private readonly HashSet<string> _failedUnits = [];
    private readonly List<DateTimeOffset> _deferredUntil = [];

    public PlanExecution(
        ObjectKey key, IReadOnlyList<IReadOnlyList<PlannedStep<TStep>>> stages, ExecutionHistory history, DateTimeOffset now)
    {
        (_key, _history) = (key, history);
        var steps = stages.SelectMany(stage => stage).ToList();
        var contents = steps.DistinctBy(step => step.Unit).ToDictionary(step => step.Unit, step => step.Content);
        _stepsLeft = steps.CountBy(step => step.Unit).ToDictionary();
        _inBackoff = history.Failures.InBackoff(key, contents, now);
        var interrupted = history.Interrupted.Of(key, contents);
        _run = new([.. stages.Select(RejectedLast)], _inBackoff, InterruptedUnits.Last(steps, interrupted));
        _outage = new(history.Answered, interrupted, now);
    }

    public bool HasConflict { get; private set; }

    /// <summary>The units that were not carried out completely.</summary>
    public IReadOnlySet<string> UnfinishedUnits => _stepsLeft.Where(item => item.Value > 0).Select(item => item.Key).ToHashSet();

    public async Task RunAsync(Func<TStep, Task<DateTimeOffset?>> carryOut)
    {
        while (_run.Next() is { Count: > 0 } group)
        {
            var answeredBefore = _history.Answered.Count;
            var results = await Task.WhenAll(group.Select(step => StepResult.OfAsync(() => carryOut(step.Step))));
            foreach (var (step, result) in group.Zip(results)) Record(step, result, answeredBefore);
            _outage.Update();
            if (_outage.IsOutage) _run.Stop();
        }
    }

    /// <summary>Records the interruptions, now that it is known which other writes were answered.</summary>
    /// <returns>The first that may be an outage; null: there is none.</returns>
    public KubeException? RecordInterruptions(DateTimeOffset now)
    {
        KubeException? possibleOutage = null;
        var first = new FirstInterruption(_history.Answered.Count, now);
        foreach (var interruption in _outage.Interruptions)
        {
            var unit = interruption.Step.Unit;
            if (_outage.FailsAlone(interruption))
            {
                RecordFailure(interruption.Step, interruption.Exception);
                _history.Interrupted.AddFailedAlone(_key, unit, first);
            }
            else
            {
                possibleOutage ??= interruption.Exception;
                _history.Interrupted.Add(_key, unit, first);
            }
        }

        return possibleOutage;
    }

    public void RecordSuccesses()
    {
        foreach (var unit in _stepsLeft.Where(item => item.Value == 0).Select(item => item.Key)) _history.Failures.Remove(_key, unit);
    }

    /// <summary>When deferred steps and failed units are due. Without the units whose time has come and that were not tried: they wait for
    /// another unit, or for a deferred step.</summary>
    public IEnumerable<DateTimeOffset> DueAt() => _deferredUntil.Concat(
        _history.Failures.Of(_key).Where(failure => _failedUnits.Contains(failure.Unit) || _inBackoff.Contains(failure.Unit))
            .Select(failure => failure.RetryAt));

    private void Record(PlannedStep<TStep> step, StepResult result, long answeredBefore)
    {
        if (result is StepResult.Done) _stepsLeft[step.Unit]--;
        else _run.Fail(step.Unit);
        if (result is StepResult.Done or StepResult.Conflict or StepResult.NamespaceTerminating or StepResult.Rejected)
            _history.Interrupted.Remove(_key, step.Unit);
        switch (result)
        {
            case StepResult.Deferred deferred:
                _deferredUntil.Add(deferred.Until);
                break;
            case StepResult.Interrupted interrupted:
                _outage.Add(new(step, interrupted.Exception, answeredBefore));
                break;
            case StepResult.Conflict:
                HasConflict = true;
                break;
            case StepResult.Rejected rejected:
                RecordFailure(step, rejected.Exception);
                break;
            case StepResult.Crashed crashed:
                RecordFailure(step, crashed.Exception);
                break;
        }
    }

    private void RecordFailure(PlannedStep<TStep> step, Exception exception)
    {
        _history.Failures.Add(_key, step, exception);
        _failedUnits.Add(step.Unit);
    }

    // A step that is rejected for its own sake does not keep the others of its unit waiting.
    private IReadOnlyList<PlannedStep<TStep>> RejectedLast(IReadOnlyList<PlannedStep<TStep>> stage) =>
        _history.Failures.Of(_key).Count == 0
            ? stage
            : [.. stage.OrderBy(step => _history.Failures.WasRejected(_key, step.Unit, step.Name))];
}
