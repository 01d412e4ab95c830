namespace ModuleController.Core.Execution;

/// <summary>Decides which steps of a plan may be carried out next. The reconcilers and the tests' world follow it alike.</summary>
/// <remarks>
/// Steps of one stage do not depend on each other; a stage begins when the steps of the one before are over.
/// After a failed step nothing more is done for its unit, nor for what requires that unit. All other units continue.
/// Steps are handed out 1, 2, 4, 8, 16 at a time, so that what is rejected for many costs one call.
/// Units that come last, and what requires them, follow when all others are over, in the same order of stages.
/// </remarks>
public sealed class PlanRun<TStep>
{
    // More at a time install nothing sooner, but keep the writes of other keys, and the watches, waiting in the API server.
    private const int LargestGroup = 16;

    private readonly Queue<Queue<PlannedStep<TStep>>> _stages;
    private readonly HashSet<string> _failed;
    private int _size = 1;

    /// <param name="stages">The steps in their order.</param>
    /// <param name="inBackoff">Units of which nothing is carried out this time: they wait for their backoff.</param>
    /// <param name="last">Units that come after all others.</param>
    public PlanRun(
        IReadOnlyList<IReadOnlyList<PlannedStep<TStep>>> stages, IEnumerable<string> inBackoff, IEnumerable<string>? last = null)
    {
        _failed = new(inBackoff, StringComparer.Ordinal);
        HashSet<string> late = new(last ?? [], StringComparer.Ordinal);
        List<Queue<PlannedStep<TStep>>> first = [], then = [];
        foreach (var stage in stages)
        {
            var steps = stage.ToLookup(IsLate);
            first.Add(new(steps[false]));
            then.Add(new(steps[true]));
        }

        _stages = new(first.Concat(then));

        bool IsLate(PlannedStep<TStep> step)
        {
            if (!late.Contains(step.Unit) && !step.Requires.Any(late.Contains)) return false;
            late.Add(step.Unit);   // its next steps stay behind this one
            return true;
        }
    }

    /// <summary>The steps to carry out now, at the same time; empty: the run is over.</summary>
    public IReadOnlyList<PlannedStep<TStep>> Next()
    {
        List<PlannedStep<TStep>> next = [];
        for (; _stages.TryPeek(out var stage); _stages.Dequeue(), _size = 1)
        {
            while (next.Count < _size && stage.TryDequeue(out var step))
                if (IsAllowed(step)) next.Add(step);
            if (next.Count > 0) break;
        }

        _size = Math.Min(_size * 2, LargestGroup);
        return next;
    }

    public void Fail(string unit) => _failed.Add(unit);

    /// <summary>No unit can succeed any more.</summary>
    public void Stop() => _stages.Clear();

    /// <summary>It failed, or waits for its backoff.</summary>
    public bool HasFailed(string unit) => _failed.Contains(unit);

    private bool IsAllowed(PlannedStep<TStep> step)
    {
        if (_failed.Contains(step.Unit)) return false;
        if (!step.Requires.Any(_failed.Contains)) return true;
        _failed.Add(step.Unit);   // what follows in this unit relies on this step
        return false;
    }
}
