using System.Collections.Concurrent;
using ModuleController.Core.Execution;
using ModuleController.Core.Meta;
using ModuleController.Kube.Client;

namespace ModuleController.ControlPlane.Reconcilers.Execution;

/// <summary>The units that failed and are still planned, by key: when each is tried again, and since when it fails.</summary>
/// <remarks>
/// A unit that failed is tried again after its own backoff, whatever triggers its key, or as soon as its content changes.
/// The backoff starts over when the unit succeeds or is no longer planned.
/// </remarks>
internal sealed partial class UnitFailures(TimeProvider time, ILogger logger)
{
    private static readonly Backoff Rejected = new(TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(1), 0.1);

    // An attempt may take as long as the request's timeout, and keeps its key for that time.
    private static readonly Backoff Unavailable = new(TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(5), 0.1);

    // One worker at a time has a key, and with it the inner dictionary.
    private readonly ConcurrentDictionary<ObjectKey, Dictionary<string, UnitFailure>> _failures = new();

    public IReadOnlyCollection<UnitFailure> Of(ObjectKey key) => _failures.TryGetValue(key, out var failures) ? failures.Values : [];

    public void Forget(ObjectKey key) => _failures.TryRemove(key, out _);

    /// <summary>The units that wait for their backoff. Forgets what is no longer planned.</summary>
    public IReadOnlyList<string> InBackoff(ObjectKey key, IReadOnlyDictionary<string, string> contents, DateTimeOffset now)
    {
        if (!_failures.TryGetValue(key, out var failures)) return [];
        foreach (var unit in failures.Keys.Where(unit => !contents.ContainsKey(unit)).ToList()) failures.Remove(unit);
        if (failures.Count == 0) Forget(key);
        return [.. failures.Values.Where(failure => failure.RetryAt > now && failure.Content == contents[failure.Unit])
            .Select(failure => failure.Unit)];
    }

    public bool WasRejected(ObjectKey key, string unit, string name) =>
        _failures.TryGetValue(key, out var failures) && failures.TryGetValue(unit, out var failure) && failure.Steps.Contains(name);

    /// <remarks>Its backoff starts over with another content. A text that differs in numbers, or in which object of the unit failed,
    /// is the same error: it is not logged again, and the first text is kept.</remarks>
    public void Add<TStep>(ObjectKey key, PlannedStep<TStep> step, Exception exception)
    {
        var now = time.GetUtcNow();
        var failures = _failures.GetOrAdd(key, _ => []);
        var error = (exception as KubeException)?.Error;
        var (message, text) = (MessageOf(step.Unit, exception), TextOf(step.Name, exception));
        var before = failures.GetValueOrDefault(step.Unit);
        var isSameContent = before?.Content == step.Content;
        var isSame = isSameContent && before!.Text == text;
        var count = isSameContent ? before!.Count + 1 : 1;
        var since = before?.Since ?? now;
        // What exists already may be ours, and not in the cache yet.
        var isOutage = error?.IsOutage == true;
        var backoff = error?.IsAlreadyExists == true ? Backoff.Default : isOutage ? Unavailable : Rejected;
        var retryAt = now + backoff.After(count, Random.Shared.NextDouble());
        failures[step.Unit] = new(step.Unit, step.For, step.Content, isSame ? before!.Message : message, count, since, retryAt)
        {
            Text = text,
            Steps = [.. (before?.Steps ?? []).Append(step.Name).Distinct()],
            ReportedFrom = UnitFailure.ReportedFromOf(since, now, isOutage),
        };
        if (!isSame) Log(key, step.Unit, exception);
    }

    /// <summary>The unit succeeded.</summary>
    public void Remove(ObjectKey key, string unit)
    {
        if (_failures.TryGetValue(key, out var failures) && failures.Remove(unit, out var failure))
            LogSucceeded(key, unit, failure.Count + 1);
    }

    private void Log(ObjectKey key, string unit, Exception exception)
    {
        if (exception is not KubeException rejected) LogFailed(exception, key, unit);
        else if (rejected.IsAlreadyExists) LogExists(key, exception.Message);
        else LogRejected(key, unit, exception.Message);
    }

    private static string MessageOf(string unit, Exception exception) =>
        exception is KubeException ? $"Failed to {exception.Message}" : $"Internal error in {unit}: {exception.Message}";

    private static string TextOf(string name, Exception exception) =>
        string.Concat((name.Length == 0 ? exception.Message : exception.Message.Replace(name, "", StringComparison.Ordinal))
            .Where(letter => !char.IsDigit(letter)));

    [LoggerMessage(LogLevel.Warning, "{Key}: {Unit} was rejected and is tried again with backoff: {Why}")]
    private partial void LogRejected(ObjectKey key, string unit, string why);

    [LoggerMessage(LogLevel.Error, "{Key}: {Unit} failed and is tried again with backoff")]
    private partial void LogFailed(Exception exception, ObjectKey key, string unit);

    [LoggerMessage(LogLevel.Debug, "{Key}: is not in the cache, but exists: {Why}")]
    private partial void LogExists(ObjectKey key, string why);

    [LoggerMessage(LogLevel.Information, "{Key}: {Unit} succeeded at attempt {Attempt}")]
    private partial void LogSucceeded(ObjectKey key, string unit, int attempt);
}

/// <summary>A unit whose last attempt failed.</summary>
/// <param name="Message">Names the request and the first of the errors with this text.</param>
/// <param name="Count">How many attempts failed in a row.</param>
/// <param name="Since">When the first of them failed.</param>
internal sealed record UnitFailure(
    string Unit, IReadOnlyList<ObjectKey> For, string Content, string Message, int Count, DateTimeOffset Since, DateTimeOffset RetryAt)
{
    // Shorter failures are not reported: a stale cache or an outdated usage of a quota can cause them.
    private static readonly TimeSpan ReportedAfter = TimeSpan.FromSeconds(5);

    /// <summary>The last error without numbers and the name of the object.</summary>
    public required string Text { get; init; }

    public IReadOnlyList<string> Steps { get; init; } = [];

    public required DateTimeOffset ReportedFrom { get; init; }

    public bool IsReported(DateTimeOffset now) => now >= ReportedFrom;

    /// <summary>Where an outage might have begun with the first attempt, only a later one shows that the unit itself fails.</summary>
    public static DateTimeOffset ReportedFromOf(DateTimeOffset since, DateTimeOffset now, bool mayBeOutage) =>
        !mayBeOutage ? since + ReportedAfter
        : now - since >= ReportedAfter ? now
        : DateTimeOffset.MaxValue;
}
