using System.Diagnostics.CodeAnalysis;

namespace ModuleController.Kube.Hosting;

/// <summary>A loop that runs until it is stopped.</summary>
/// <param name="fail">Called if the loop fails, or ends without a cancellation.</param>
[SuppressMessage("Design", "CA1001", Justification = "The source has no timer, and a loop that outlives its deadline still uses it.")]
internal sealed class BackgroundLoop(Func<CancellationToken, Task> loop, Action<Exception> fail)
{
    private CancellationTokenSource? _ending;
    private Task _run = Task.CompletedTask;

    public Task Start()
    {
        _ending = new();
        var token = _ending.Token;
        _run = Task.Run(() => RunAsync(token), CancellationToken.None);
        return Task.CompletedTask;
    }

    /// <summary>Cancels the loop and waits for its end; the token is the deadline.</summary>
    public async Task StopAsync(CancellationToken deadline)
    {
        if (_ending is null) return;
        await _ending.CancelAsync();
        await _run.WaitAsync(deadline);
    }

    private async Task RunAsync(CancellationToken cancellation)
    {
        try
        {
            await loop(cancellation);
            if (!cancellation.IsCancellationRequested) fail(new InvalidOperationException("the loop ended by itself"));
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // Stopped.
        }
        catch (Exception exception)
        {
            fail(exception);   // whatever it is: without the loop the process only seems to work
        }
    }
}
