using Microsoft.Extensions.Logging;
using ModuleController.Agent.Arklet;
using ModuleController.Agent.Journal;
using BaseState = ModuleController.Protocol.V1.BaseState;

namespace ModuleController.Agent.Observing;

/// <summary>How often the base is queried, and when it counts as hung.</summary>
public sealed record ObserverOptions
{
    /// <summary>
    /// Each connection can add two lines to the base's log, so this is no shorter than needed to detect a new base life in 5 s.
    /// </summary>
    public TimeSpan HealthInterval { get; init; } = TimeSpan.FromSeconds(2);

    public TimeSpan QueryInterval { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How often a base is asked that refuses connections. A refused connection costs the JVM nothing.</summary>
    public TimeSpan DownInterval { get; init; } = TimeSpan.FromSeconds(1);

    public TimeSpan HungAfter { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>
    /// Twice the number of Arklet's loops, which is 2 × cores: this many connections in a row are not all served by one blocked loop.
    /// </summary>
    public int HungAfterFailures { get; init; } = 4 * Environment.ProcessorCount;

    /// <summary>Connections that an unanswered query has tried.</summary>
    public int ConnectionsPerQuery { get; init; } = 3;
}

/// <summary>
/// Queries health and list of biz of the base, one query at a time. A list counts only if a health answer after it shows the same base life
/// as before it.
/// </summary>
public sealed class BaseObserver(
    IArklet arklet, CommandJournal journal, ObserverOptions options, TimeProvider time, ILogger log) : IDisposable
{
    private readonly SemaphoreSlim _gate = new(1);
    private readonly LifeClock _clock = new();
    private readonly long _origin = time.GetTimestamp();
    private volatile BaseView _view = BaseView.Unknown;
    private int _failures;
    private long _firstFailureAt;
    private DateTimeOffset? _downSince;

    public BaseView View => _view;

    /// <summary>A command on this module runs. That command decides about its outcome.</summary>
    public Func<string, string, bool> IsBusy { get; set; } = (_, _) => false;

    /// <summary>A command calls Arklet. Meanwhile an unanswered query does not mean that the base hangs.</summary>
    public Func<bool> IsAnyBusy { get; set; } = () => false;

    /// <summary>The view or the journal has changed.</summary>
    public event Action? Changed;

    /// <summary>A query has ended, with or without a change.</summary>
    public event Action? Observed;

    public async Task RunAsync(CancellationToken cancellation)
    {
        long? queriedAt = null;
        while (true)
        {
            var view = _view;
            // While a module starts or stops, its progress is observed at each interval.
            var unsettled = IsAnyBusy() || view.Modules.Any(module => !module.HasStarted);
            try
            {
                if (!view.ModulesKnown || unsettled || queriedAt is null || time.GetElapsedTime(queriedAt.Value) >= options.QueryInterval)
                {
                    if (await ReadAsync(cancellation) is not null) queriedAt = time.GetTimestamp();
                }
                else
                {
                    await ProbeAsync(cancellation);
                }
            }
            catch (IOException e)
            {
                // The next query observes the same again.
                log.JournalNotWritten("-", "view of the base", e);
            }

            var missingLife = _view is { State: BaseState.Up, ModulesKnown: false };
            if (missingLife && view.State != BaseState.Up) continue;
            await Task.Delay(
                _view.State is BaseState.Up ? options.HealthInterval : options.DownInterval, time, cancellation);
        }
    }

    /// <summary>Reads the list of biz and the base life; null: Arklet does not answer.</summary>
    public async Task<BaseView?> ReadAsync(CancellationToken cancellation)
    {
        await _gate.WaitAsync(cancellation);
        try
        {
            for (var tries = 0; tries < 3; tries++)
            {
                var before = _view.Life;
                var modules = before is null ? null : await arklet.QueryAllAsync(cancellation);
                var alive = await CheckHealthAsync(cancellation);
                if (!alive || (before is not null && modules is null)) return null;
                // The list may be of another base life: read again.
                if (modules is null || before is null || _view.Life?.Id != before.Id) continue;
                Publish(_view with { Modules = [.. modules], ObservedAt = time.GetUtcNow() });
                ReconcileOwnership();
                return _view;
            }

            return null;
        }
        finally
        {
            _gate.Release();
            Observed?.Invoke();
        }
    }

    public void Dispose() => _gate.Dispose();

    private async Task ProbeAsync(CancellationToken cancellation)
    {
        await _gate.WaitAsync(cancellation);
        try
        {
            await CheckHealthAsync(cancellation);
        }
        finally
        {
            _gate.Release();
            Observed?.Invoke();
        }
    }

    /// <summary>Queries health and updates the view; false: no answer.</summary>
    private async Task<bool> CheckHealthAsync(CancellationToken cancellation)
    {
        for (var tries = 0; ; tries++)
        {
            var sentAt = time.GetTimestamp();
            var answer = await arklet.HealthAsync(cancellation);
            if (answer is not { Outcome: HealthOutcome.Answered, Jvm: { } jvm })
            {
                RecordFailure(answer.Outcome, sentAt);
                return false;
            }

            var roundTrip = time.GetElapsedTime(sentAt, answer.ArrivedAt);
            var (sent, arrived) = (time.GetElapsedTime(_origin, sentAt), time.GetElapsedTime(_origin, answer.ArrivedAt));
            var verdict = _clock.Compare(sent, arrived, jvm.RunTime);
            // The start is written to the journal and compared later, so it has to be exact.
            if (tries < 2 && (verdict is LifeVerdict.Unclear || (verdict is LifeVerdict.New && roundTrip > LifeClock.Tolerance / 2)))
                continue;

            _failures = 0;
            if (verdict is LifeVerdict.New) BeginLife(sent - jvm.RunTime, arrived - jvm.RunTime);
            _downSince = null;
            var view = _view;
            Publish(view with
            {
                State = BaseState.Up,
                Jvm = jvm,
                AnsweringSince = view.State is BaseState.Up && view.AnsweringSince != 0 ? view.AnsweringSince : answer.ArrivedAt,
            });
            return true;
        }
    }

    private void BeginLife(TimeSpan earliest, TimeSpan latest)
    {
        var startedAt = time.GetUtcNow() - (time.GetElapsedTime(_origin) - latest);
        var state = journal.State;
        // After a restart of the agent: the journal may have this base life already.
        var slack = LifeClock.Tolerance + (latest - earliest);
        if (_view.Life is null && state.Life is { } known && (startedAt - state.LifeStartedAt).Duration() <= slack)
        {
            log.LifeResumed(known);
            _view = _view with { Life = new(known, state.LifeStartedAt) };
        }
        else
        {
            var life = new KnownLife($"b-{startedAt.ToUnixTimeMilliseconds()}", startedAt);
            journal.Append(new JournalRecord.LifeBegan(life.Id, life.StartedAt, EndedAt: _downSince < life.StartedAt ? _downSince : null));
            log.LifeBegan(life.Id, life.StartedAt);
            // Published together with state and figures of this answer.
            _view = new BaseView { Life = life, State = BaseState.Unspecified };
        }

        _clock.Begin(latest);
    }

    private void RecordFailure(HealthOutcome outcome, long at)
    {
        var view = _view with { AnsweringSince = 0 };
        if (outcome is HealthOutcome.ConnectionRefused)
        {
            _failures = 0;
            _downSince ??= time.GetUtcNow();
            Publish(view with { State = BaseState.Down });
            return;
        }

        if (_failures == 0) _firstFailureAt = at;
        // A running command may block all loops that were tried. The count restarts after it.
        _failures = IsAnyBusy() ? 0 : _failures + options.ConnectionsPerQuery;
        // Each module that hangs blocks a loop until the JVM exits.
        var factor = journal.State.StuckModules.Count > 0 ? 2 : 1;
        var hung = _failures >= factor * options.HungAfterFailures && time.GetElapsedTime(_firstFailureAt) >= factor * options.HungAfter;
        Publish(hung ? view with { State = outcome is HealthOutcome.Answered ? BaseState.WithoutFigures : BaseState.Hung } : view);
    }

    private void Publish(BaseView view)
    {
        var before = _view;
        _view = view;
        if (before.State != view.State) log.BaseStateChanged(view.State.ToString());
        if (view.DiffersFrom(before)) Changed?.Invoke();
    }

    /// <summary>Updates the journal by the list of biz: a late success is ours, and a biz that is not listed any more is not.</summary>
    private void ReconcileOwnership()
    {
        var records = Ownership.Reconcile(journal.State, _view, IsBusy, log);
        if (records.Count == 0) return;
        journal.Append([.. records]);
        Changed?.Invoke();
    }
}
