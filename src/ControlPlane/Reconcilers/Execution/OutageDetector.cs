using ModuleController.Core.Execution;
using ModuleController.Kube.Client;

namespace ModuleController.ControlPlane.Reconcilers.Execution;

/// <summary>Decides whether the interruptions of one run are an outage of the API server, or failures of single units.</summary>
/// <remarks>
/// A webhook may hang or answer 503 for the objects of one user alone. It is an outage when steps for a second ModuleDeployment are
/// interrupted with no answered write in between, or when a fourth unit is and no write of this run was answered.
/// A unit fails alone if any write was answered in this run, or since the unit was first interrupted, or if it is still the only one
/// after a time in which an outage would have cost this process the Lease.
/// </remarks>
/// <param name="interrupted">The units that were interrupted before this run.</param>
internal sealed class OutageDetector<TStep>(
    AnsweredWrites answered, IReadOnlyDictionary<string, FirstInterruption> interrupted, DateTimeOffset now)
{
    private static readonly TimeSpan LongestOutage = TimeSpan.FromSeconds(30);

    private const int MaxUnitsWithoutOutage = 3;

    private readonly long _answeredBeforeRun = answered.Count;
    private readonly Dictionary<string, FirstInterruption> _before = new(interrupted);
    private readonly List<Interruption> _interruptions = [];

    public bool IsOutage { get; private set; }

    public IReadOnlyList<Interruption> Interruptions => _interruptions;

    public void Add(Interruption interruption) => _interruptions.Add(interruption);

    /// <summary>After each group of steps: more writes may have been answered, and more steps interrupted.</summary>
    public void Update()
    {
        var open = _interruptions.Where(NothingWasAnsweredSince).Select(interruption => interruption.Step).ToList();
        IsOutage = open.Select(InterruptedUnits.OwnerOf).Distinct().Count() > 1
            || (answered.Count == _answeredBeforeRun
                && open.Select(step => step.Unit).Distinct().Count() > MaxUnitsWithoutOutage);
    }

    /// <summary>The write of this unit fails, while others are answered.</summary>
    public bool FailsAlone(Interruption interruption) => !(IsOutage && NothingWasAnsweredSince(interruption))
        && (answered.Count > AnsweredBefore(interruption, _answeredBeforeRun)
            || (_before.TryGetValue(interruption.Step.Unit, out var first) && now - first.At >= LongestOutage));

    private bool NothingWasAnsweredSince(Interruption interruption) =>
        answered.Count == AnsweredBefore(interruption, interruption.AnsweredBefore);

    /// <summary>How many writes had been answered before the unit was first interrupted, in this run or in one before.</summary>
    private long AnsweredBefore(Interruption interruption, long ifInThisRun) =>
        _before.TryGetValue(interruption.Step.Unit, out var first) ? first.AnsweredBefore : ifInThisRun;

    /// <param name="AnsweredBefore">How many writes had been answered before the step was tried.</param>
    internal sealed record Interruption(PlannedStep<TStep> Step, KubeException Exception, long AnsweredBefore);
}
