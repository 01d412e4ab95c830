using Microsoft.Extensions.Logging;
using ModuleController.Core.Meta;
using ModuleController.Kube.Caches;
using ModuleController.Kube.Controllers;

namespace ModuleController.Kube.Hosting;

/// <summary>Starts the parts of a controller process in order, and stops them in reverse order.</summary>
public enum ManagerPhase
{
    Http,
    Caches,
    Gateway,
    Leader,
    Workers,
}

/// <summary>The lease was lost: another process may act by now, so this one must end.</summary>
public sealed class LeadershipLostException(string message) : Exception(message);

/// <summary>Starts and stops the parts of a controller process.</summary>
/// <remarks>
/// Start: HTTP and webhooks, caches, session gateway, leader, workers.
/// Stop in reverse, each with a deadline.
/// A lost lease ends the process, and so does a background loop that fails.
/// </remarks>
public sealed partial class Manager(
    InformerFactory informers, TimeProvider time, ILoggerFactory loggers, LeaderElection? election = null, KubeMetrics? metrics = null)
{
    private readonly ILogger _logger = loggers.CreateLogger<Manager>();
    private readonly List<Part> _parts = [];
    private readonly List<Func<IController>> _controllers = [];
    private readonly TaskCompletionSource _failed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>For each part, when it is stopped.</summary>
    public TimeSpan StopDeadline { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Caches are synced, leader or not: the answer of <c>/readyz</c>.</summary>
    public bool IsReady => informers.IsSynced;

    /// <summary>Runs a reconciler while this process leads.</summary>
    public ControllerBuilder<T> Reconcile<T>(IReconciler<T> reconciler) where T : class, IResource
    {
        var builder = new ControllerBuilder<T>(informers, reconciler, T.Kind.Plural);
        _controllers.Add(() => builder.Build(time, loggers, metrics));
        return builder;
    }

    /// <summary>Something else that starts in this phase, after the parts that were added before it.</summary>
    public Manager Add(
        ManagerPhase phase, string name, Func<CancellationToken, Task> start, Func<CancellationToken, Task>? stop = null)
    {
        _parts.Add(new(phase, name, start, stop ?? (_ => Task.CompletedTask)));
        return this;
    }

    /// <summary>A loop that runs from this phase on until it is cancelled. Where it fails or ends by itself, the process ends.</summary>
    public Manager AddLoop(ManagerPhase phase, string name, Func<CancellationToken, Task> loop)
    {
        var background = new BackgroundLoop(loop, exception =>
        {
            LogLoopFailed(exception, phase, name);
            _failed.TrySetException(exception);
        });
        return Add(phase, name, _ => background.Start(), background.StopAsync);
    }

    /// <summary>
    /// Runs until cancelled. Throws <see cref="LeadershipLostException"/>, what kept a part from starting, or what ended a loop.
    /// </summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellation, election?.Lost ?? CancellationToken.None);
        var running = new Stack<Part>();
        var run = StartAsync(running, ending.Token);
        try
        {
            await await Task.WhenAny(run, _failed.Task);
        }
        catch (OperationCanceledException) when (ending.IsCancellationRequested)
        {
            // Asked to stop, or the lease is lost; which of them is decided below.
        }
        finally
        {
            await ending.CancelAsync();
            await run.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            while (running.TryPop(out var part)) await StopAsync(part);
        }

        if (election?.Lost.IsCancellationRequested == true) throw new LeadershipLostException("the lease is lost");
    }

    /// <summary>Starts the parts and then waits to be cancelled.</summary>
    private async Task StartAsync(Stack<Part> running, CancellationToken cancellation)
    {
        foreach (var part in Parts().OrderBy(part => part.Phase))
        {
            LogStarting(part.Phase, part.Name);
            running.Push(part);   // also where starting fails half-way, what it has is stopped
            await part.Start(cancellation);
        }

        LogRunning();
        await Task.Delay(Timeout.InfiniteTimeSpan, time, cancellation);
    }

    private IEnumerable<Part> Parts()
    {
        foreach (var part in _parts) yield return part;
        yield return new(ManagerPhase.Caches, "caches", StartCachesAsync, informers.StopAsync);
        if (election is not null) yield return new(ManagerPhase.Leader, "leader", election.StartAsync, election.StopAsync);
        foreach (var build in _controllers)
        {
            var controller = build();
            yield return new(ManagerPhase.Workers, controller.Name, controller.StartAsync, async deadline =>
            {
                await controller.StopAsync(deadline);
                controller.Dispose();
            });
        }
    }

    private Task StartCachesAsync(CancellationToken cancellation)
    {
        informers.Start();
        return informers.WaitForSyncAsync(cancellation);
    }

    private async Task StopAsync(Part part)
    {
        // Without the lease nothing may be finished: another leader may be at it.
        var isLate = part.Phase == ManagerPhase.Workers && election?.Lost.IsCancellationRequested == true;
        using var deadline = new CancellationTokenSource(isLate ? TimeSpan.Zero : StopDeadline, time);
        try
        {
            LogStopping(part.Phase, part.Name);

            // A part that doesn't heed its deadline gets a little more, so that its own cancelling counts, and is left.
            await part.Stop(deadline.Token).WaitAsync(StopDeadline + TimeSpan.FromSeconds(2), time, CancellationToken.None);
        }
        catch (Exception exception) when (exception is OperationCanceledException or TimeoutException)
        {
            LogLeft(part.Phase, part.Name, StopDeadline);
        }
        catch (Exception exception)
        {
            LogStopFailed(exception, part.Phase, part.Name);   // the others must be stopped all the same
        }
    }

    private sealed record Part(
        ManagerPhase Phase, string Name, Func<CancellationToken, Task> Start, Func<CancellationToken, Task> Stop);

    [LoggerMessage(LogLevel.Debug, "Starting {Phase}: {Name}")]
    private partial void LogStarting(ManagerPhase phase, string name);

    [LoggerMessage(LogLevel.Information, "Everything runs")]
    private partial void LogRunning();

    [LoggerMessage(LogLevel.Debug, "Stopping {Phase}: {Name}")]
    private partial void LogStopping(ManagerPhase phase, string name);

    [LoggerMessage(LogLevel.Warning, "{Phase}: {Name} did not stop within {Deadline}")]
    private partial void LogLeft(ManagerPhase phase, string name, TimeSpan deadline);

    [LoggerMessage(LogLevel.Error, "{Phase}: {Name} failed to stop")]
    private partial void LogStopFailed(Exception exception, ManagerPhase phase, string name);

    [LoggerMessage(LogLevel.Error, "{Phase}: {Name} failed, the process ends")]
    private partial void LogLoopFailed(Exception exception, ManagerPhase phase, string name);
}
