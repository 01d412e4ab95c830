using System.Threading.Channels;
using ModuleController.Agent.Observing;
using ModuleController.Protocol;
using ModuleController.Protocol.V1;

namespace ModuleController.Agent.Commands;

/// <summary>
/// Decides when an accepted command runs. Commands that call Arklet run one at a time, in order of arrival, after those that
/// <see cref="CrashRecovery"/> has to settle. Inspections and fetches run beside them, two at a time. While a command waits for a hook, the
/// lane is free for commands of other modules.
/// </summary>
internal sealed class CommandLanes(
    CrashRecovery recovery, BaseObserver observer, TimeProvider time, Func<AcceptedCommand, Turn, CancellationToken, Task> run)
    : IDisposable
{
    private static readonly TimeSpan MinRecoveryTime = TimeSpan.FromSeconds(30);

    /// <summary>Not a command: makes the lane check what is to be recovered.</summary>
    private static readonly AcceptedCommand RecoveryCheck = new(new Command { Disown = new() { Module = new() } }, 0);

    private readonly Channel<AcceptedCommand> _arkletQueue = Channel.CreateBounded<AcceptedCommand>(Limits.RunningCommands);
    private readonly Channel<AcceptedCommand> _fetchQueue = Channel.CreateBounded<AcceptedCommand>(Limits.RunningCommands);
    private readonly SemaphoreSlim _arkletLane = new(1);
    private readonly SemaphoreSlim _fetchLanes = new(2);
    private readonly List<(string Module, Task Task)> _arkletTurns = [];
    private readonly List<Task> _fetchTurns = [];

    /// <summary>False: the queue is full.</summary>
    public bool TryAdd(AcceptedCommand command) => (command.CallsArklet ? _arkletQueue : _fetchQueue).Writer.TryWrite(command);

    /// <summary>To be called when the base life may have become known: commands can be recovered only then.</summary>
    public void CheckRecovery()
    {
        if (recovery.HasPending && observer.View.Life is not null) _arkletQueue.Writer.TryWrite(RecoveryCheck);
    }

    public async Task RunAsync(CancellationToken ending)
    {
        using var both = CancellationTokenSource.CreateLinkedTokenSource(ending);
        Task[] loops = [RunArkletLaneAsync(both.Token), RunFetchLanesAsync(both.Token)];
        await Task.WhenAny(loops);
        await both.CancelAsync();
        await Task.WhenAll(loops);
    }

    public void Dispose()
    {
        _arkletLane.Dispose();
        _fetchLanes.Dispose();
    }

    private async Task RunArkletLaneAsync(CancellationToken ending)
    {
        try
        {
            while (await _arkletQueue.Reader.WaitToReadAsync(ending))
            {
                if (!_arkletQueue.Reader.TryRead(out var command)) continue;
                if (recovery.HasPending && observer.View.Life is null) await observer.ReadAsync(ending);
                while (observer.View.Life is not null && recovery.TryTake(out var earlier)) await StartAsync(earlier, ending);
                if (!ReferenceEquals(command, RecoveryCheck)) await StartAsync(command, ending);
            }
        }
        finally
        {
            await Task.WhenAll(_arkletTurns.Select(turn => turn.Task));
        }
    }

    private async Task RunFetchLanesAsync(CancellationToken ending)
    {
        try
        {
            await foreach (var command in _fetchQueue.Reader.ReadAllAsync(ending))
            {
                _fetchTurns.RemoveAll(earlier => earlier.IsCompleted);
                _fetchTurns.Add(FetchAsync(command, ending));
            }
        }
        finally
        {
            await Task.WhenAll(_fetchTurns);
        }
    }

    private async Task FetchAsync(AcceptedCommand command, CancellationToken ending)
    {
        using var turn = await Turn.WaitAsync(_fetchLanes, CommandRunner.DeadlineOf(command.Command), time, ending);
        await TakeTurnAsync(command, turn, ending);
    }

    /// <summary>Starts a command when the lane is free and no hook is being called for a module of the same name.</summary>
    private async Task StartAsync(AcceptedCommand command, CancellationToken ending)
    {
        await Task.WhenAll(_arkletTurns.Where(turn => turn.Module == command.Module.Name).Select(turn => turn.Task)).WaitAsync(ending);
        var limit = command.Recovered is { } intent
            ? TimeSpan.FromTicks(Math.Max(MinRecoveryTime.Ticks, (intent.Deadline - time.GetUtcNow()).Ticks))
            : CommandRunner.DeadlineOf(command.Command);
        var turn = await Turn.WaitAsync(_arkletLane, limit, time, ending);
        _arkletTurns.RemoveAll(earlier => earlier.Task.IsCompleted);
        _arkletTurns.Add((command.Module.Name, TakeTurnAsync(command, turn, ending)));
    }

    private async Task TakeTurnAsync(AcceptedCommand command, Turn turn, CancellationToken ending)
    {
        using (turn)
        {
            try
            {
                await run(command, turn, ending);
            }
            catch (OperationCanceledException) when (ending.IsCancellationRequested)
            {
                // Not answered: the intent stays open in the journal, and the next process recovers it.
            }
            catch (Exception e)
            {
                // A failed command has a verdict. This is a bug of the agent: its loop fails, and with it the process.
                _arkletQueue.Writer.TryComplete(e);
            }
        }
    }
}
