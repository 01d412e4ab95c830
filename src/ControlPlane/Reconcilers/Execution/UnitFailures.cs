using System.Collections.Concurrent;
using ModuleController.Core.Execution;
using ModuleController.Core.Meta;
using ModuleController.Kube.Client;
using ModuleController.Kube.Queues;

namespace ModuleController.ControlPlane.Reconcilers.Execution;

/// <summary>The units that failed and are still planned, by key: when each is tried again, and since when it fails.</summary>
/// <remarks>
/// A unit that failed is tried again after its own backoff, whatever wakes its key, or as soon as its content changes.
/// The backoff starts over when the unit succeeds or is no longer planned.
/// </remarks>
internal sealed class UnitFailures
{
    private static readonly Backoff Rejected = new(TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(1), 0.1);

    // One worker at a time has a key, and with it the inner dictionary.
    private readonly ConcurrentDictionary<ObjectKey, Dictionary<string, UnitFailure>> _failures = new();

    public IReadOnlyCollection<UnitFailure> Of(ObjectKey key) => _failures.TryGetValue(key, out var failures) ? failures.Values : [];

    public void Forget(ObjectKey key) => _failures.TryRemove(key, out _);

    /// <summary>The units that wait for their backoff. Forgets what is no longer planned.</summary>
    public IReadOnlyList<string> Held(ObjectKey key, IReadOnlyDictionary<string, string> contents, DateTimeOffset now)
    {
        if (!_failures.TryGetValue(key, out var failures)) return [];
        foreach (var unit in failures.Keys.Where(unit => !contents.ContainsKey(unit)).ToList()) failures.Remove(unit);
        if (failures.Count == 0) Forget(key);
        return [.. failures.Values.Where(failure => failure.RetryAt > now && failure.Content == contents[failure.Unit]).Select(failure => failure.Unit)];
    }

    public bool WasRejected(ObjectKey key, string unit, string name) =>
        _failures.TryGetValue(key, out var failures) && failures.TryGetValue(unit, out var failure) && failure.Steps.Contains(name);

    /// <returns>True: the unit did not fail before, or with another error.</returns>
    /// <remarks>Its backoff starts over with another content.</remarks>
    public bool Add<TStep>(ObjectKey key, PlannedStep<TStep> step, KubeError error, DateTimeOffset now)
    {
        var failures = _failures.GetOrAdd(key, _ => []);
        var before = failures.GetValueOrDefault(step.Unit);
        var isSame = before is not null && (before.Error.Code, before.Error.Reason) == (error.Code, error.Reason);
        var count = before is null || before.Content != step.Content ? 1 : before.Count + 1;
        // What exists already may be ours, and not in the cache yet.
        var backoff = error.IsAlreadyExists ? Backoff.Default : Rejected;
        failures[step.Unit] = new(step.Unit, step.For, step.Content, isSame ? before!.Error : error, count, before?.Since ?? now, now + backoff.After(count))
        {
            Steps = [.. (before?.Steps ?? []).Append(step.Name).Distinct()],
        };
        return !isSame;
    }

    /// <returns>True: the unit had failed.</returns>
    public bool Remove(ObjectKey key, string unit) => _failures.TryGetValue(key, out var failures) && failures.Remove(unit);
}

/// <summary>A unit whose last attempt failed.</summary>
/// <param name="Error">The first error of its code and reason: its text may differ from request to request.</param>
/// <param name="Count">How many attempts failed in a row.</param>
/// <param name="Since">When the first of them failed.</param>
internal sealed record UnitFailure(
    string Unit, IReadOnlyList<ObjectKey> For, string Content, KubeError Error, int Count, DateTimeOffset Since, DateTimeOffset RetryAt)
{
    // A shorter rejection may come from a cache that was behind, or from a quota whose usage has not been counted anew.
    private static readonly TimeSpan ReportedAfter = TimeSpan.FromSeconds(5);

    public IReadOnlyList<string> Steps { get; init; } = [];

    public bool IsReported(DateTimeOffset now) => now - Since >= ReportedAfter;
}
