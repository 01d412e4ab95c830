using System.Diagnostics;
using ModuleController.Core.Builtin;
using ModuleController.Core.Modules;
using ModuleController.Kube.Client;

namespace ModuleController.Dev.Load.Cleanup;

/// <summary>
/// Removes what a run created on a cluster that is not its own: its namespace with everything in it, the Node of the same name,
/// and the Node's Lease. CustomResourceDefinitions stay: their deletion would delete the objects of other users.
/// </summary>
/// <remarks>
/// The controller removes the finalizers of Modules, and the kubelet ends pods. Therefore <see cref="EmptyAsync"/>
/// comes first, while both run, and <see cref="RemoveAsync"/> after they have stopped. Neither throws: problems are reported.
/// </remarks>
public sealed class ClusterCleanup(IKubeClient client, string ns, CleanupLimits limits, Action<string> report) : IDisposable
{
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(1);

    // Owners first: an owner that exists creates its dependents again.
    private readonly ILeftovers[] _modules =
    [
        new Leftovers<ModuleDeployment>(client, ns), new Leftovers<ModuleReplicaSet>(client, ns), new Leftovers<Module>(client, ns),
    ];

    private readonly ILeftovers[] _pods =
    [
        new Leftovers<Deployment>(client, ns), new Leftovers<ReplicaSet>(client, ns), new Leftovers<Pod>(client, ns),
    ];

    private readonly CancellationTokenSource _end = new();
    private readonly Stopwatch _unanswered = Stopwatch.StartNew();
    private readonly List<string> _problems = [];
    private string? _lastError;

    /// <summary>What was not removed, or only by force.</summary>
    public IReadOnlyList<string> Problems => _problems;

    /// <summary>Removes the modules and then the pods.</summary>
    public Task EmptyAsync() => TryAsync(async () =>
    {
        _end.CancelAfter(limits.Total);
        var modules = await RemoveAllAsync(_modules);
        var pods = await RemoveAllAsync(_pods);
        // A module on a base that does not answer is removed when its pod is.
        if (modules is not null) modules = await RemoveAllAsync(_modules);
        if (modules is not null) await ForceAsync(_modules, $"{modules}: not removed by the controller, so their finalizers were removed");
        if (pods is not null) await ForceAsync(_pods, $"{pods}: not ended by the kubelet, so they were removed by force");
    });

    /// <summary>Removes the Node, its Lease and the namespace, and waits until the namespace is deleted.</summary>
    public Task RemoveAsync() => TryAsync(async () =>
    {
        await AnsweredAsync(() => client.DeleteAsync<Node>(new("", ns), null, _end.Token));
        await AnsweredAsync(() => client.DeleteAsync<Lease>(new("kube-node-lease", ns), null, _end.Token));
        await AnsweredAsync(() => client.DeleteAsync<Namespace>(new("", ns), null, _end.Token));
        var waited = Stopwatch.StartNew();
        for (var pause = TimeSpan.FromMilliseconds(50); ; pause = Longer(pause))
        {
            var state = default(NamespaceState);
            var isAnswered = await AnsweredAsync(async () => state = await client.FindAsync<NamespaceState>(new("", ns), _end.Token));
            if (isAnswered && state is null) return;
            if (waited.Elapsed > limits.NoProgress)
            {
                Report($"namespace {ns} is still there after {waited.Elapsed.TotalSeconds:0} s: {state?.Describe() ?? _lastError}");
                return;
            }

            await Task.Delay(pause, TimeProvider.System, _end.Token);
        }
    });

    public void Dispose() => _end.Dispose();

    /// <summary>Deletes all objects of these kinds and waits until they are deleted.</summary>
    /// <returns>Null, or what remains.</returns>
    private async Task<string?> RemoveAllAsync(ILeftovers[] kinds)
    {
        var fewest = int.MaxValue;
        var stalled = Stopwatch.StartNew();
        for (var pause = TimeSpan.FromMilliseconds(50); ; pause = Longer(pause))
        {
            var left = await ListAsync(kinds);
            if (left is []) return null;
            if (left?.Sum(kind => kind.Objects.Count) is { } count && count < fewest)
            {
                fewest = count;
                stalled.Restart();
            }

            if (stalled.Elapsed > limits.NoProgress) return left is null ? _lastError : Describe(left);
            if (left is [var first, ..])
                await EachAsync(first.Objects.Where(found => !found.IsDeleting), found => first.Kind.DeleteAsync(found.Name, _end.Token));
            await Task.Delay(pause, TimeProvider.System, _end.Token);
        }
    }

    private async Task ForceAsync(ILeftovers[] kinds, string problem)
    {
        Report(problem);
        foreach (var (kind, objects) in await ListAsync(kinds) ?? [])
            await EachAsync(objects, found => kind.ForceAsync(found.Name, _end.Token));
    }

    /// <summary>The kinds that still have objects; null if the API server did not answer.</summary>
    private async Task<IReadOnlyList<(ILeftovers Kind, IReadOnlyList<(string Name, bool IsDeleting)> Objects)>?> ListAsync(
        ILeftovers[] kinds)
    {
        var left = new List<(ILeftovers, IReadOnlyList<(string, bool)>)>();
        foreach (var kind in kinds)
        {
            IReadOnlyList<(string, bool)> objects = [];
            if (!await AnsweredAsync(async () => objects = await kind.ListAsync(_end.Token))) return null;
            if (objects is not []) left.Add((kind, objects));
        }

        return left;
    }

    private Task EachAsync<T>(IEnumerable<T> objects, Func<T, Task> action) => Parallel.ForEachAsync(
        objects, new ParallelOptions { MaxDegreeOfParallelism = 16 }, async (found, _) => await AnsweredAsync(() => action(found)));

    /// <summary>False if the request was rejected or not answered: it is sent again in the next round.</summary>
    private async Task<bool> AnsweredAsync(Func<Task> request)
    {
        try
        {
            await request();
            _unanswered.Restart();
            return true;
        }
        catch (KubeException problem) when (!problem.Error.IsUnanswered)
        {
            _unanswered.Restart();
            _lastError = problem.Message;
            return false;
        }
        catch (KubeException problem)
        {
            _lastError = problem.Message;
            return _unanswered.Elapsed < limits.Unanswered ? false : throw new TimeoutException(problem.Message, problem);
        }
    }

    private async Task TryAsync(Func<Task> step)
    {
        if (_end.IsCancellationRequested) return;
        _unanswered.Restart();
        try
        {
            await step();
        }
        catch (TimeoutException problem)
        {
            await _end.CancelAsync();
            Report($"the API server does not answer, so namespace {ns} and node {ns} are left: {problem.Message}");
        }
        catch (OperationCanceledException) when (_end.IsCancellationRequested)
        {
            Report($"namespace {ns} and node {ns} were not removed within {limits.Total}: {_lastError ?? "see what is left in them"}");
        }
    }

    private void Report(string problem)
    {
        _problems.Add(problem);
        report(problem);
    }

    private static string Describe(IEnumerable<(ILeftovers Kind, IReadOnlyList<(string Name, bool IsDeleting)> Objects)> left) =>
        string.Join("; ", left.Select(kind =>
            $"{kind.Objects.Count} {kind.Kind.Kind} ({string.Join(", ", kind.Objects.Take(5).Select(found => found.Name))}"
            + $"{(kind.Objects.Count > 5 ? ", …" : "")})"));

    private static TimeSpan Longer(TimeSpan pause) => pause < LongestPause ? pause * 1.5 : LongestPause;
}
