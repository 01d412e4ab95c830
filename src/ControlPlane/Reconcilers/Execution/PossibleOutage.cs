using ModuleController.Core.Execution;
using ModuleController.Kube.Client;

namespace ModuleController.ControlPlane.Reconcilers.Execution;

/// <summary>Tells in one run whether the API server serves nobody, or only some units fail by themselves.</summary>
/// <remarks>
/// A webhook may hang or answer 503 for the objects of one user alone. It is an outage when steps for a second ModuleDeployment meet the
/// same with no answered write in between, or when a fourth unit does and no write of this run was answered.
/// A unit fails by itself if any write was answered in this run, or since the unit met it before, or if it is still the only one after
/// a time in which an outage would have cost this process the Lease.
/// </remarks>
/// <param name="interrupted">The units that met it before this run.</param>
internal sealed class PossibleOutage<TStep>(Answers answers, IReadOnlyDictionary<string, FirstInterruption> interrupted, DateTimeOffset now)
{
    private static readonly TimeSpan LongestOutage = TimeSpan.FromSeconds(30);

    private const int MostUnits = 3;

    private readonly long _begun = answers.Count;
    private readonly Dictionary<string, FirstInterruption> _before = new(interrupted);
    private readonly List<Meeting> _met = [];
    private bool _isOutage;

    public IReadOnlyList<Meeting> Met => _met;

    /// <param name="step">The step that met it.</param>
    /// <param name="answered">How many writes had been answered before the step was tried.</param>
    public void Meet(PlannedStep<TStep> step, KubeException exception, long answered) => _met.Add(new(step, exception, answered));

    public bool IsOutage()
    {
        var open = _met.Where(IsOpen).ToList();
        return _isOutage = open.Select(met => InterruptedUnits.OwnerOf(met.Step)).Distinct().Count() > 1
            || (answers.Count == _begun && open.Select(met => met.Step.Unit).Distinct().Count() > MostUnits);
    }

    /// <summary>The write of this unit fails, while others are answered.</summary>
    public bool IsOwnFailure(Meeting met) => !(_isOutage && IsOpen(met))
        && (answers.Count > AnswersBefore(met, _begun)
            || (_before.TryGetValue(met.Step.Unit, out var first) && now - first.At >= LongestOutage));

    // No write was answered since.
    private bool IsOpen(Meeting met) => answers.Count == AnswersBefore(met, met.Answered);

    private long AnswersBefore(Meeting met, long otherwise) =>
        _before.TryGetValue(met.Step.Unit, out var first) ? first.Answers : otherwise;

    internal sealed record Meeting(PlannedStep<TStep> Step, KubeException Exception, long Answered);
}
