using Microsoft.Extensions.Logging;
using ModuleController.ControlPlane.Reconcilers.Execution;
using ModuleController.Core.Execution;
using ModuleController.Core.Meta;
using ModuleController.Kube.Client;
using ModuleController.SystemTests.Harness;

namespace ModuleController.SystemTests.Execution;

/// <summary>One executor, whose steps are names: each is a write that <see cref="Answer"/> may reject.</summary>
internal sealed class ExecutorBench : ILogger
{
    private readonly Executor _executor;

    public ExecutorBench()
    {
        Clock.Stand();
        _executor = new(Clock, this);
    }

    public StandingClock Clock { get; } = new();

    public ObjectKey Key { get; set; } = new("default", "base");

    /// <summary>What a write meets; null: it is carried out.</summary>
    public Func<string, Exception?> Answer { get; set; } = _ => null;

    /// <summary>When a step is due that is deferred; null: it is not.</summary>
    public Func<string, DateTimeOffset?> Defer { get; set; } = _ => null;

    /// <summary>The steps of the last run that were tried.</summary>
    public List<string> Tried { get; } = [];

    public List<(LogLevel Level, string Text)> Log { get; } = [];

    public static KubeException Error(int code, string message = "no") =>
        new(new(code, code == 0 ? "TimedOut" : "Forbidden", message), "create Module shop-1");

    /// <summary>One step, which is also the name of its unit.</summary>
    public static PlannedStep<string> Step(string unit, string owner = "", params string[] requires) => new(unit, unit)
    {
        For = owner.Length == 0 ? [] : [new("default", owner)],
        Requires = requires,
    };

    public async Task<Outcome> RunAsync(params IReadOnlyList<PlannedStep<string>>[] stages)
    {
        Tried.Clear();
        return await _executor.ExecuteAsync(Key, stages, async step =>
        {
            lock (Tried) Tried.Add(step);
            if (Defer(step) is { } due) return due;
            await _executor.AnsweredWrites.CountAsync(
                () => Answer(step) is { } error ? Task.FromException<bool>(error) : Task.FromResult(true));
            return null;
        });
    }

    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    void ILogger.Log<TState>(LogLevel level, EventId id, TState state, Exception? exception, Func<TState, Exception?, string> text) =>
        Log.Add((level, text(state, exception)));
}
