namespace ModuleController.Dev.ArkletSimulator;

/// <summary>While closed, the JVM is stopped as by SIGSTOP: connections are accepted, and requests run when it continues.</summary>
internal sealed class PauseGate
{
    private readonly Lock _gate = new();
    private TaskCompletionSource? _opened;

    public void Close()
    {
        lock (_gate) _opened ??= new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    public void Open()
    {
        lock (_gate)
        {
            _opened?.SetResult();
            _opened = null;
        }
    }

    public Task PassAsync(CancellationToken cancellation)
    {
        lock (_gate) return _opened?.Task.WaitAsync(cancellation) ?? Task.CompletedTask;
    }
}
