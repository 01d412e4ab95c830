using ModuleController.Core.Meta;
using ModuleController.Dev.Kubelet.Resources;

namespace ModuleController.Dev.Kubelet.Containers;

/// <summary>What all containers of a pod share.</summary>
internal sealed record ContainerContext(IContainerRuntime Runtime, Prober Prober, TimeProvider Time, string PodIp)
{
    /// <summary>Builds what a container is started with. Throws for an invalid manifest.</summary>
    public required Func<Container, ContainerLog, ContainerStart> Prepare { get; init; }

    /// <summary>Called after each change of a container's view.</summary>
    public required Action Changed { get; init; }
}

/// <summary>Keeps one container running: starts it, probes it, and restarts it with backoff.</summary>
/// <remarks>The first restart is immediate, then after 1, 2, 4 … 30 seconds. Ten minutes without an end reset the backoff.</remarks>
internal sealed class ContainerRunner(Container spec, string restartPolicy, ContainerContext context) : IDisposable
{
    private static readonly Backoff Backoff = new(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(30));
    private static readonly TimeSpan GoodLife = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan GraceAfterProbe = TimeSpan.FromSeconds(2);

    private readonly TimeProvider _time = context.Time;
    private readonly Lock _lock = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly CancellationTokenSource _kill = new(Timeout.InfiniteTimeSpan, context.Time);
    private readonly TaskCompletionSource _started = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private DateTimeOffset _killAt = DateTimeOffset.MaxValue;
    private ContainerView _view = new(spec, new ContainerState.Waiting("PodInitializing"));

    public ContainerView View
    {
        get
        {
            lock (_lock) return _view;
        }
    }

    public ContainerLog Log { get; } = new();

    /// <summary>An init container that keeps running beside the others.</summary>
    public bool IsSidecar => spec.RestartPolicy == "Always";

    /// <summary>It has started once, and its startup probe, if any, has succeeded.</summary>
    public Task Started => _started.Task;

    public bool IsStopping => _stop.IsCancellationRequested;

    /// <summary>Asks the container to end, and kills it after the grace period. A second call can only shorten it.</summary>
    public void Stop(TimeSpan grace)
    {
        lock (_lock)
        {
            var at = _time.GetUtcNow() + grace;
            if (at >= _killAt) return;
            _killAt = at;
        }

        _kill.CancelAfter(grace);
        _stop.Cancel();
    }

    /// <summary>Shows why it has not been started yet.</summary>
    public void Wait(string reason, string message) =>
        Change(view => view.In(new ContainerState.Waiting(reason, message)));

    public void Dispose()
    {
        _stop.Dispose();
        _kill.Dispose();
    }

    /// <summary>Runs until stopped, or until the container has ended and its policy allows no restart.</summary>
    public async Task RunAsync()
    {
        for (var restarts = 0; !_stop.IsCancellationRequested; restarts++)
        {
            var began = _time.GetUtcNow();
            var exitCode = await RunOnceAsync();
            if (_stop.IsCancellationRequested) break;
            if (exitCode is { } code && (restartPolicy == "Never" || (restartPolicy == "OnFailure" && code == 0))) break;
            if (_time.GetUtcNow() - began > GoodLife) restarts = 0;
            await PauseAsync(exitCode is null ? restarts + 1 : restarts);
            if (exitCode is not null && !_stop.IsCancellationRequested)
                Change(view => view with { RestartCount = view.RestartCount + 1 });
        }

        Change(view => view with { IsOver = true });
    }

    /// <summary>Runs one life of the container. Returns its exit code, or null if it could not be started.</summary>
    private async Task<int?> RunOnceAsync()
    {
        if (TryStart() is not { } container) return null;
        await using (container)
        {
            var startedAt = _time.GetUtcNow();
            var isStarted = spec.StartupProbe is null;
            Change(view => view.In(new ContainerState.Running(startedAt)) with
            {
                IsStarted = isStarted,
                IsReady = isStarted && spec.ReadinessProbe is null,
            });

            using var probing = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
            var probes = ProbeAsync(container, probing.Token);
            var exitCode = await EndOfAsync(container);
            await probing.CancelAsync();
            await probes;
            var ended = new ContainerState.Terminated(exitCode, startedAt, _time.GetUtcNow());
            Change(view => view.In(ended) with { IsReady = false, IsStarted = false });
            return exitCode;
        }
    }

    /// <summary>A failure to start is shown in the status and retried, like a failed image pull.</summary>
    private IContainer? TryStart()
    {
        ContainerStart start;
        try
        {
            start = context.Prepare(spec, Log);
        }
        catch (Exception problem)
        {
            Wait("CreateContainerConfigError", problem.Message);
            return null;
        }

        try
        {
            return context.Runtime.Start(start);
        }
        catch (Exception problem)
        {
            Wait(problem is UnknownImageException ? "ErrImagePull" : "CreateContainerError", problem.Message);
            return null;
        }
    }

    private async Task<int> EndOfAsync(IContainer container)
    {
        var stopped = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var stopping = _stop.Token.Register(stopped.SetResult);
        if (await Task.WhenAny(container.Exited, stopped.Task) == container.Exited) return await container.Exited;

        container.Terminate();
        await using var killing = _kill.Token.Register(container.Kill);
        return await container.Exited;
    }

    private async Task PauseAsync(int restarts)
    {
        if (restarts == 0) return;
        var pause = Backoff.After(restarts, random: 0);
        Change(view => view.In(view.State switch
        {
            ContainerState.Waiting { Reason: "ErrImagePull" } waiting => waiting with { Reason = "ImagePullBackOff" },
            ContainerState.Waiting waiting => waiting,
            _ => new ContainerState.Waiting("CrashLoopBackOff", $"back-off {pause.TotalSeconds:0}s restarting failed container"),
        }));
        try
        {
            await Task.Delay(pause, _time, _stop.Token);
        }
        catch (OperationCanceledException)
        {
            // Stopped while it waited.
        }
    }

    private async Task ProbeAsync(IContainer container, CancellationToken cancellation)
    {
        var probes = new ContainerProbes(spec, context, container);
        try
        {
            if (!await probes.StartsAsync(cancellation))
            {
                await RestartAsync(container, "startup");
                return;
            }

            Change(view => view with { IsStarted = true, IsReady = spec.ReadinessProbe is null });
            var readiness = probes.ReportReadinessAsync(isReady => Change(view => view with { IsReady = isReady }), cancellation);
            await probes.FailsAsync(cancellation);
            await RestartAsync(container, "liveness");
            await readiness;
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // The container ended.
        }
    }

    private async Task RestartAsync(IContainer container, string probe)
    {
        Log.Write($"container \"{spec.Name}\" failed its {probe} probe and is restarted");
        container.Terminate();
        try
        {
            await container.Exited.WaitAsync(GraceAfterProbe, _time);
        }
        catch (TimeoutException)
        {
            container.Kill();
        }
    }

    private void Change(Func<ContainerView, ContainerView> change)
    {
        ContainerView view;
        lock (_lock) view = _view = change(_view);
        if (view.IsStarted) _started.TrySetResult();
        context.Changed();
    }
}
