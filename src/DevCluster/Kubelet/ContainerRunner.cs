namespace ModuleController.DevCluster.Kubelet;

/// <summary>Keeps one container running: starts it, probes it, starts it again with a growing pause.</summary>
/// <remarks>The first restart is at once, then 1, 2, 4 … 30 seconds; ten minutes without an end reset the pause.</remarks>
internal sealed class ContainerRunner(
    Container spec, ContainerStart start, string restartPolicy, IContainerRuntime runtime, Prober prober, TimeProvider time,
    Action changed) : IDisposable
{
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan GoodLife = TimeSpan.FromMinutes(10);

    private readonly Lock _lock = new();
    private readonly CancellationTokenSource _stop = new();
    private TimeSpan _grace;
    private ContainerView _view = new(spec, new ContainerState.Waiting("PodInitializing"), null, 0, false, false);

    public ContainerView View
    {
        get
        {
            lock (_lock) return _view;
        }
    }

    public ContainerLog Log => start.Log;

    /// <summary>Asks the container to end, and ends it without asking after the grace period.</summary>
    public void Stop(TimeSpan grace)
    {
        _grace = grace;
        _stop.Cancel();
    }

    public void Dispose() => _stop.Dispose();

    /// <summary>Runs until stopped, or until the container has ended and is not to be restarted.</summary>
    public async Task RunAsync()
    {
        for (var restarts = 0; !_stop.IsCancellationRequested; restarts++)
        {
            var began = time.GetUtcNow();
            if (await RunOnceAsync() is not { } exitCode) return;
            if (restartPolicy == "Never" || (restartPolicy == "OnFailure" && exitCode == 0)) return;
            if (time.GetUtcNow() - began > GoodLife) restarts = 0;
            await PauseAsync(restarts);
            Change(view => view with { RestartCount = view.RestartCount + 1 });
        }
    }

    /// <summary>One life of the container: its exit code, or null where it was stopped.</summary>
    private async Task<int?> RunOnceAsync()
    {
        IContainer running;
        try
        {
            running = runtime.Start(start);
        }
        catch (Exception problem)
        {
            // Whatever keeps it from starting is shown to the user, as an image that can't be pulled is.
            Change(view => view with { State = new ContainerState.Waiting("CreateContainerError", problem.Message) });
            return 128;
        }

        await using (running)
        {
            var startedAt = time.GetUtcNow();
            var isStarted = spec.StartupProbe is null;
            Change(view => view with
            {
                State = new ContainerState.Running(startedAt),
                IsStarted = isStarted,
                IsReady = isStarted && spec.ReadinessProbe is null,
            });

            using var probing = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
            var probes = ProbeAsync(running, probing.Token);
            var exitCode = await EndOfAsync(running);
            await probing.CancelAsync();
            await probes;
            var ended = new ContainerState.Terminated(exitCode, startedAt, time.GetUtcNow());
            Change(view => view with { State = ended, LastState = ended, IsReady = false, IsStarted = false });
            return _stop.IsCancellationRequested ? null : exitCode;
        }
    }

    private async Task<int> EndOfAsync(IContainer running)
    {
        var stopped = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var registration = _stop.Token.Register(stopped.SetResult);
        if (await Task.WhenAny(running.Exited, stopped.Task) == running.Exited) return await running.Exited;

        await EndAsync(running, _grace);
        return await running.Exited;
    }

    private async Task EndAsync(IContainer running, TimeSpan grace)
    {
        running.Terminate();
        try
        {
            await running.Exited.WaitAsync(grace, time);
        }
        catch (TimeoutException)
        {
            running.Kill();
        }
    }

    private async Task PauseAsync(int restarts)
    {
        if (restarts == 0) return;
        var pause = TimeSpan.FromSeconds(Math.Min(Math.Pow(2, restarts - 1), LongestPause.TotalSeconds));
        Change(view => view.State is ContainerState.Waiting ? view : view with
        {
            State = new ContainerState.Waiting("CrashLoopBackOff", $"back-off {pause.TotalSeconds:0}s restarting failed container"),
        });
        try
        {
            await Task.Delay(pause, time, _stop.Token);
        }
        catch (OperationCanceledException)
        {
            // Stopped while it waited.
        }
    }

    private async Task ProbeAsync(IContainer running, CancellationToken cancellation)
    {
        try
        {
            if (spec.StartupProbe is { } startup)
            {
                if (!await UntilAsync(startup, running, isWanted: true, cancellation))
                {
                    await EndAsync(running, TimeSpan.FromSeconds(2));
                    return;
                }

                Change(view => view with { IsStarted = true, IsReady = spec.ReadinessProbe is null });
            }

            await Task.WhenAll(ReadinessAsync(running, cancellation), LivenessAsync(running, cancellation));
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // The container ended.
        }
    }

    private async Task ReadinessAsync(IContainer running, CancellationToken cancellation)
    {
        if (spec.ReadinessProbe is not { } probe) return;
        for (var isReady = false; ; isReady = !isReady)
        {
            // Ready counts until enough failures in a row, unready until enough successes.
            while (!await UntilAsync(probe, running, isWanted: !isReady, cancellation))
            {
            }

            var now = !isReady;
            Change(view => view with { IsReady = now });
        }
    }

    private async Task LivenessAsync(IContainer running, CancellationToken cancellation)
    {
        if (spec.LivenessProbe is not { } probe) return;
        while (!await UntilAsync(probe, running, isWanted: false, cancellation))
        {
        }

        start.Log.Write($"container \"{spec.Name}\" failed its liveness probe and is restarted");
        await EndAsync(running, TimeSpan.FromSeconds(2));
    }

    /// <summary>
    /// Probes until the result that is wanted came often enough in a row: true. A startup probe that fails too often: false.
    /// </summary>
    private async Task<bool> UntilAsync(Probe probe, IContainer running, bool isWanted, CancellationToken cancellation)
    {
        var isStartup = ReferenceEquals(probe, spec.StartupProbe);
        var needed = isWanted ? probe.SuccessThreshold ?? 1 : probe.FailureThreshold ?? 3;
        if (probe.InitialDelaySeconds is { } delay and > 0)
            await Task.Delay(TimeSpan.FromSeconds(delay), time, cancellation);
        for (int inRow = 0, failures = 0; ;)
        {
            var succeeded = await prober.SucceedsAsync(probe, spec, start.Pod.Ip, running, cancellation);
            inRow = succeeded == isWanted ? inRow + 1 : 0;
            if (inRow >= needed) return true;
            if (!succeeded && isStartup && ++failures >= (probe.FailureThreshold ?? 3)) return false;
            await Task.Delay(TimeSpan.FromSeconds(probe.PeriodSeconds ?? 10), time, cancellation);
        }
    }

    private void Change(Func<ContainerView, ContainerView> change)
    {
        lock (_lock) _view = change(_view);
        changed();
    }
}
