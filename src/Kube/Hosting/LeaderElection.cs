using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using ModuleController.Core.Builtin;
using ModuleController.Core.Meta;
using ModuleController.Kube.Client;

namespace ModuleController.Kube.Hosting;

/// <summary>The one process of several that acts, by holding a Lease.</summary>
/// <remarks>
/// The epoch is the lease's count of transitions; each acquisition raises it.
/// A lost connection costs the lease only at the renew deadline.
/// A request that hangs costs a part of that time, and one that is slow nothing.
/// An acquisition whose answer was lost is continued.
/// A process that does not hold the lease knows the holder and its address.
/// The lease is released on stop.
/// A leader that learns of a higher epoch raises the lease first.
/// A lost lease is reported once, and never taken again by this process.
/// </remarks>
public sealed partial class LeaderElection(
    IKubeClient client, LeaderElectionOptions options, TimeProvider time, ILogger<LeaderElection> logger) : IDisposable
{
    private static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(250);

    private readonly LeaseClient _leases = new(client, options, time);
    private readonly SemaphoreSlim _writing = new(1, 1);   // one write to the lease at a time
    private readonly TaskCompletionSource<long> _acquired = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _lost = new();
    private readonly CancellationTokenSource _stop = new();
    private Task _run = Task.CompletedTask;
    private Lease? _observed;
    private long _observedAt;   // by our own clock: the times in the lease are another machine's
    private long _renewedAt;
    private long _triedAt;
    private long _epoch;
    private volatile bool _isHeld;
    private bool _isReleased;

    /// <summary>Completed with the epoch when this process leads.</summary>
    public Task<long> Acquired => _acquired.Task;

    /// <summary>Cancelled when this process must act no more: its lease is lost.</summary>
    public CancellationToken Lost => _lost.Token;

    /// <summary>Is in every command, so that a late one is refused.</summary>
    public long Epoch => Interlocked.Read(ref _epoch);

    /// <summary>By our own clock, so it is false in time even where the loop hangs.</summary>
    public bool IsLeader => _isHeld && time.GetElapsedTime(Interlocked.Read(ref _renewedAt)) < options.Duration;

    /// <summary>The holder of the lease as last observed; null: there is none.</summary>
    public LeaderIdentity? Leader => LeaderIdentity.Parse(Volatile.Read(ref _observed)?.Spec.HolderIdentity);

    /// <summary>The holder, unless it is this process.</summary>
    public LeaderIdentity? OtherLeader => Leader is { } leader && leader != options.Identity ? leader : null;

    /// <summary>Returns when this process leads; from then on the lease is renewed.</summary>
    public Task StartAsync(CancellationToken cancellation)
    {
        var stop = _stop.Token;
        _run = Task.Run(() => RunAsync(stop), CancellationToken.None);
        return _acquired.Task.WaitAsync(cancellation);
    }

    /// <summary>Renews no more and lets go of the lease, so that the next leader need not wait for its end.</summary>
    public async Task StopAsync(CancellationToken deadline)
    {
        await _stop.CancelAsync();
        await _run.WaitAsync(deadline);
        await ReleaseAsync(deadline);
    }

    /// <summary>After this process has released the lease: returns when another one holds it, or the wait is over.</summary>
    public async Task AwaitSuccessorAsync(CancellationToken deadline)
    {
        if (_isReleased && await _leases.AwaitOtherHolderAsync(deadline) is { } lease) Observe(lease);
    }

    /// <summary>Raises the epoch to at least this, in the lease first; for a leader that learns of a higher one.</summary>
    public Task RaiseEpochAsync(long epoch, CancellationToken cancellation)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(epoch, int.MaxValue);   // the field of the Lease has 32 bits

        // Renewals wait for this one, so it must not hang until the lease is lost.
        return _leases.LimitedAsync("raise the epoch of", limited => RaiseAsync(epoch, limited), cancellation);
    }

    public void Dispose()
    {
        _writing.Dispose();
        _lost.Dispose();
        _stop.Dispose();
    }

    private bool IsOurs => _observed?.Spec.HolderIdentity == options.Identity.ToString();

    private async Task<long> RaiseAsync(long epoch, CancellationToken cancellation)
    {
        await _writing.WaitAsync(cancellation);
        try
        {
            while (Epoch < epoch)
            {
                if (!_isHeld) throw new InvalidOperationException($"{options.Lease}: only the leader raises the epoch");
                try
                {
                    Observe(await _leases.PatchAsync(_observed!, new() { ["leaseTransitions"] = epoch }, cancellation));
                    Interlocked.Exchange(ref _epoch, epoch);
                }
                catch (KubeException exception) when (exception.IsConflict)
                {
                    Observe(await _leases.GetAsync(cancellation));
                    if (!IsOurs) throw;
                }
            }

            return Epoch;
        }
        finally
        {
            _writing.Release();
        }
    }

    private async Task RunAsync(CancellationToken cancellation)
    {
        try
        {
            while (!await TryStepAsync(TryAcquireAsync, Timeout.InfiniteTimeSpan, cancellation)) await PauseAsync(cancellation);
            LogAcquired(options.Identity.ToString(), Epoch);
            _acquired.TrySetResult(Epoch);
            await HoldAsync(cancellation);
            LogLost(options.Identity.ToString());
            _isHeld = false;
            await _lost.CancelAsync();
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            _acquired.TrySetCanceled(cancellation);
        }
    }

    private async Task ReleaseAsync(CancellationToken cancellation)
    {
        await _writing.WaitAsync(cancellation);
        try
        {
            if (!_isHeld) return;
            _isHeld = false;
            Observe(await _leases.PatchAsync(_observed!, new() { ["holderIdentity"] = null }, cancellation));
            _isReleased = true;
            LogReleased(options.Identity.ToString());
        }
        catch (KubeException exception)
        {
            LogNotReleased(options.Lease, exception.Message);
        }
        finally
        {
            _writing.Release();
        }
    }

    private async Task HoldAsync(CancellationToken cancellation)
    {
        while (_isHeld && Left > TimeSpan.Zero)
        {
            await PauseAsync(cancellation);
            if (Left is { Ticks: > 0 } left) await TryStepAsync(RenewAsync, left, cancellation);
        }
    }

    private TimeSpan Left => options.RenewDeadline - time.GetElapsedTime(Interlocked.Read(ref _renewedAt));

    private async Task<bool> TryAcquireAsync(CancellationToken cancellation)
    {
        var started = time.GetTimestamp();
        if (await _leases.FindAsync(cancellation) is not { } lease)
        {
            return Hold(await _leases.CreateAsync(NextEpoch(0), cancellation), started);
        }

        Observe(lease);
        // Our own acquisition, whose answer was lost. It has raised the epoch already.
        if (IsOurs) return Hold(await _leases.PatchAsync(_observed!, Renewal(), cancellation), started);
        var spec = lease.Spec;
        var duration = TimeSpan.FromSeconds(spec.LeaseDurationSeconds ?? 0);
        if (spec.HolderIdentity is { Length: > 0 } && time.GetElapsedTime(_observedAt) < duration) return false;
        var now = time.GetUtcNow();
        return Hold(await _leases.PatchAsync(_observed!, new()
        {
            ["holderIdentity"] = options.Identity.ToString(),
            ["leaseDurationSeconds"] = options.DurationSeconds,
            ["leaseTransitions"] = NextEpoch(spec.LeaseTransitions ?? 0),
            ["acquireTime"] = LeaseClient.MicroTime(now),
            ["renewTime"] = LeaseClient.MicroTime(now),
        }, cancellation), started);
    }

    private int NextEpoch(int last) => Math.Max(last, options.EpochFloor) + 1;

    private async Task<bool> RenewAsync(CancellationToken cancellation)
    {
        // The time of asking counts: the server's own clock of the lease starts no earlier.
        var started = time.GetTimestamp();
        try
        {
            return Hold(await _leases.PatchAsync(_observed!, Renewal(), cancellation), started);
        }
        catch (KubeException exception) when (exception.IsConflict)
        {
            Observe(await _leases.GetAsync(cancellation));
            if (IsOurs) return Hold(await _leases.PatchAsync(_observed!, Renewal(), cancellation), started);   // only its version was old
            _isHeld = false;
            return false;
        }
        catch (KubeException exception) when (exception.IsNotFound)
        {
            return Hold(await _leases.CreateAsync(Epoch, cancellation), started);   // deleted by hand; AlreadyExists: read it again
        }
    }

    private bool Hold(Lease lease, long since)
    {
        Observe(lease);
        Interlocked.Exchange(ref _renewedAt, since);
        Interlocked.Exchange(ref _epoch, Math.Max(Epoch, lease.Spec.LeaseTransitions ?? 0));   // it never falls
        _isHeld = true;
        return true;
    }

    private void Observe(Lease lease)
    {
        if (_observed?.Metadata.ResourceVersion == lease.Metadata.ResourceVersion) return;
        Volatile.Write(ref _observed, lease);
        _observedAt = time.GetTimestamp();
    }

    /// <summary>One attempt, cut off at the limit. Failures are no answer yet, except that the loop was cancelled.</summary>
    private async Task<bool> TryStepAsync(Func<CancellationToken, Task<bool>> step, TimeSpan limit, CancellationToken cancellation)
    {
        _triedAt = time.GetTimestamp();
        using var timeout = new CancellationTokenSource(limit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellation);
        try
        {
            await _writing.WaitAsync(either.Token);
            try
            {
                return await step(either.Token);
            }
            finally
            {
                _writing.Release();
            }
        }
        catch (KubeException exception) when (exception.IsConflict || exception.IsAlreadyExists)
        {
            return false;   // another one was faster
        }
        catch (Exception exception) when (!cancellation.IsCancellationRequested)
        {
            LogFailed(options.Lease, ExceptionText.Of(exception));
            return false;
        }
    }

    // From the last try, not from its answer: a slow API server must not also cost the pause.
    private Task PauseAsync(CancellationToken cancellation)
    {
        var pause = (options.RetryPeriod * (0.9 + (0.2 * Random.Shared.NextDouble()))) - time.GetElapsedTime(_triedAt);
        if (_isHeld)
        {
            // Nearer to its deadline a holder tries more often, and it never sleeps past it.
            var soon = Left / 2 > Shortest ? Left / 2 : Shortest;
            if (soon < pause) pause = soon < Left ? soon : Left;
        }

        return pause > TimeSpan.Zero ? Task.Delay(pause, time, cancellation) : Task.CompletedTask;
    }

    private JsonObject Renewal() => new() { ["renewTime"] = LeaseClient.MicroTime(time.GetUtcNow()) };

    [LoggerMessage(LogLevel.Information, "{Identity} leads, epoch {Epoch}")]
    private partial void LogAcquired(string identity, long epoch);

    [LoggerMessage(LogLevel.Warning, "{Identity} has lost its lease")]
    private partial void LogLost(string identity);

    [LoggerMessage(LogLevel.Information, "{Identity} has released its lease")]
    private partial void LogReleased(string identity);

    [LoggerMessage(LogLevel.Warning, "Lease {Lease} was not released, the next leader has to wait for its end: {Why}")]
    private partial void LogNotReleased(ObjectKey lease, string why);

    [LoggerMessage(LogLevel.Warning, "Lease {Lease}: {Why}")]
    private partial void LogFailed(ObjectKey lease, string why);
}
