using Microsoft.Extensions.Logging;
using ModuleController.Agent.Arklet;
using ModuleController.Agent.Journal;
using BaseState = ModuleController.Protocol.V1.BaseState;

namespace ModuleController.Agent.Observing;

/// <summary>How often the base is asked, and when its silence means something.</summary>
public sealed record ObserverOptions
{
    /// <summary>A base's log can grow by two lines with each connection, so no more often than needed to see a new life in 5 s.</summary>
    public TimeSpan HealthInterval { get; init; } = TimeSpan.FromSeconds(2);

    public TimeSpan QueryInterval { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Refused connections cost the JVM nothing.</summary>
    public TimeSpan DownInterval { get; init; } = TimeSpan.FromSeconds(1);

    public TimeSpan HungAfter { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>2 × loops, a loop being 2 × cores: so many in a row can't all have met the loop of one busy command.</summary>
    public int HungAfterMisses { get; init; } = 4 * Environment.ProcessorCount;

    /// <summary>Connections that one unanswered query has tried.</summary>
    public int MissesPerQuery { get; init; } = 3;
}

/// <summary>
/// Asks the base how it is and what it has. Never two questions at once. A list of modules counts only when a health
/// answer after it shows the same life as before it.
/// </summary>
public sealed class BaseObserver(
    IArklet arklet, CommandJournal journal, ObserverOptions options, TimeProvider time, ILogger log) : IDisposable
{
    private readonly SemaphoreSlim _gate = new(1);
    private readonly LifeClock _clock = new();
    private readonly long _origin = time.GetTimestamp();
    private volatile BaseView _view = BaseView.Unknown;
    private int _misses;
    private long _firstMiss;
    private DateTimeOffset? _downSince;

    public BaseView View => _view;

    /// <summary>Whether a command on this module is under way: then what became of it is that command's to say.</summary>
    public Func<string, string, bool> IsBusy { get; set; } = (_, _) => false;

    /// <summary>Whether any command is under way: while one is, silence proves nothing.</summary>
    public Func<bool> IsAnyBusy { get; set; } = () => false;

    /// <summary>Something changed that others should know.</summary>
    public event Action? Changed;

    /// <summary>Each look at the base, changed or not.</summary>
    public event Action? Looked;

    public async Task RunAsync(CancellationToken cancellation)
    {
        long? queriedAt = null;
        while (true)
        {
            var view = _view;
            // While something happens to a module, others want to see how far it is.
            var unsettled = IsAnyBusy() || view.Modules.Any(module => module.State is not (ArkletBizState.Activated or ArkletBizState.Deactivated));
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
                // The journal's disk: what was seen is seen again on the next look.
                log.JournalNotWritten("-", "view of the base", e);
            }

            var missingLife = _view is { State: BaseState.Up, ModulesKnown: false };
            if (missingLife && view.State != BaseState.Up) continue;
            await Task.Delay(
                _view.State is BaseState.Up ? options.HealthInterval : options.DownInterval, time, cancellation);
        }
    }

    /// <summary>Reads modules and life now; null when Arklet does not answer.</summary>
    public async Task<BaseView?> ReadAsync(CancellationToken cancellation)
    {
        await _gate.WaitAsync(cancellation);
        try
        {
            for (var tries = 0; tries < 3; tries++)
            {
                var before = _view.Life;
                var modules = before is null ? null : await arklet.QueryAllAsync(cancellation);
                var alive = await LookAsync(cancellation);
                if (!alive || (before is not null && modules is null)) return null;
                // Of another life than we thought, or of nobody knows which: once more.
                if (modules is null || before is null || _view.Life?.Id != before.Id) continue;
                Publish(_view with { Modules = [.. modules], ObservedAt = time.GetUtcNow() });
                TakeOver();
                return _view;
            }

            return null;
        }
        finally
        {
            _gate.Release();
            Looked?.Invoke();
        }
    }

    public void Dispose() => _gate.Dispose();

    private async Task ProbeAsync(CancellationToken cancellation)
    {
        await _gate.WaitAsync(cancellation);
        try
        {
            await LookAsync(cancellation);
        }
        finally
        {
            _gate.Release();
            Looked?.Invoke();
        }
    }

    /// <summary>One health question and what follows from it; false: no answer.</summary>
    private async Task<bool> LookAsync(CancellationToken cancellation)
    {
        for (var tries = 0; ; tries++)
        {
            var sentAt = time.GetTimestamp();
            var answer = await arklet.HealthAsync(cancellation);
            if (answer is not { Outcome: HealthOutcome.Answered, Jvm: { } jvm })
            {
                Miss(answer.Outcome, sentAt);
                return false;
            }

            var roundTrip = time.GetElapsedTime(sentAt, answer.ArrivedAt);
            var (sent, arrived) = (time.GetElapsedTime(_origin, sentAt), time.GetElapsedTime(_origin, answer.ArrivedAt));
            var verdict = _clock.Judge(sent, arrived, jvm.RunTime);
            // A life's start is kept in the journal and compared later: it is worth a second look.
            if (tries < 2 && (verdict is LifeVerdict.Unclear || (verdict is LifeVerdict.New && roundTrip > LifeClock.Tolerance / 2)))
                continue;

            _misses = 0;
            if (verdict is LifeVerdict.New) Begin(sent - jvm.RunTime, arrived - jvm.RunTime);
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

    private void Begin(TimeSpan earliest, TimeSpan latest)
    {
        var startedAt = time.GetUtcNow() - (time.GetElapsedTime(_origin) - latest);
        var state = journal.State;
        // After a restart of ours, or of the clock's second thoughts: the journal may know this life already.
        var slack = LifeClock.Tolerance + (latest - earliest);
        if (_view.Life is null && state.Life is { } known && (startedAt - state.LifeStartedAt).Duration() <= slack)
        {
            log.LifeGoesOn(known);
            _view = _view with { Life = new(known, state.LifeStartedAt) };
        }
        else
        {
            var life = new KnownLife($"b-{startedAt.ToUnixTimeMilliseconds()}", startedAt);
            journal.Append(new JournalRecord.LifeBegan(life.Id, life.StartedAt, EndedAt: _downSince < life.StartedAt ? _downSince : null));
            log.LifeBegan(life.Id, life.StartedAt);
            // Not published yet: with State and figures of this answer it is one change.
            _view = new BaseView { Life = life, State = BaseState.Unspecified };
        }

        _clock.Begin(latest);
    }

    private void Miss(HealthOutcome outcome, long at)
    {
        var view = _view with { AnsweringSince = 0 };
        if (outcome is HealthOutcome.ConnectionRefused)
        {
            _misses = 0;
            _downSince ??= time.GetUtcNow();
            Publish(view with { State = BaseState.Down });
            return;
        }

        if (_misses == 0) _firstMiss = at;
        // A running command may hold every loop that was asked; the count starts over after it.
        _misses = IsAnyBusy() ? 0 : _misses + options.MissesPerQuery;
        // Modules that hang hold a loop each for good.
        var patience = journal.State.StuckModules.Count > 0 ? 2 : 1;
        var hung = _misses >= patience * options.HungAfterMisses && time.GetElapsedTime(_firstMiss) >= patience * options.HungAfter;
        Publish(hung ? view with { State = outcome is HealthOutcome.Answered ? BaseState.WithoutFigures : BaseState.Hung } : view);
    }

    private void Publish(BaseView view)
    {
        var before = _view;
        _view = view;
        if (before.State != view.State) log.BaseStateChanged(view.State.ToString());
        if (view.DiffersFrom(before)) Changed?.Invoke();
    }

    /// <summary>Brings the journal in line with what Arklet lists: a late success is ours, what vanished isn't any more.</summary>
    private void TakeOver()
    {
        var records = Ownership.Reconcile(journal.State, _view, IsBusy, log);
        if (records.Count == 0) return;
        journal.Append([.. records]);
        Changed?.Invoke();
    }
}
