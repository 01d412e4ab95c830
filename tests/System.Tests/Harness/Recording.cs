using System.Collections.Immutable;
using ModuleController.Core.Meta;
using ModuleController.Kube.Client;

namespace ModuleController.SystemTests.Harness;

/// <summary>Every state of a kind of object from now on, in the order of the API server, by a watch of its own.</summary>
internal sealed class Recording<T> : IAsyncDisposable where T : class, IResource
{
    private readonly CancellationTokenSource _stop = new();
    private readonly World _world;
    private readonly Action<T>? _onEvent;
    private readonly List<ImmutableDictionary<string, T>> _moments = [];
    private Task _following = Task.CompletedTask;

    private Recording(World world, Action<T>? onEvent) => (_world, _onEvent) = (world, onEvent);

    /// <summary>What there was at each moment, by name: one entry for the start, and one for each event.</summary>
    public IReadOnlyList<ImmutableDictionary<string, T>> Moments
    {
        get { lock (_moments) return [.. _moments]; }
    }

    /// <param name="onEvent">Called with each new state as it arrives.</param>
    public static async Task<Recording<T>> StartAsync(World world, Action<T>? onEvent = null)
    {
        var recording = new Recording<T>(world, onEvent);
        var list = await world.Client.ListAsync<T>(new() { Namespace = world.Namespace });
        recording._moments.Add(list.Items.ToImmutableDictionary(item => item.Metadata.Name));
        recording._following = Task.Run(() => recording.FollowAsync(list.ResourceVersion));
        return recording;
    }

    /// <summary>Waits until everything that was written before is in the recording.</summary>
    public async Task CaughtUpAsync()
    {
        await Eventually.True(async () => _following.IsCompleted
            || Followed.HasSeen(Moments[^1].Values, await _world.Client.ListAsync<T>(new() { Namespace = _world.Namespace })));
        if (_following.IsCompleted) await _following;
        Assert.False(_following.IsCompleted, "the recording ended");
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        try
        {
            await _following;
        }
        catch (OperationCanceledException)
        {
            // How it ends.
        }

        _stop.Dispose();
    }

    private async Task FollowAsync(string version)
    {
        // A server ends the watch of a slow reader. The next one continues where it ended.
        while (!_stop.IsCancellationRequested)
        {
            await foreach (
                var change in _world.Client.WatchAsync<T>(new() { Namespace = _world.Namespace, ResourceVersion = version }, _stop.Token))
            {
                if (change.Type is WatchEventType.Error) throw new InvalidOperationException($"the recording broke: {change.Error}");
                if (change.Object is { } item) Note(item, change.Type);
                version = change.ResourceVersion ?? version;
            }
        }
    }

    private void Note(T item, WatchEventType type)
    {
        if (type != WatchEventType.Deleted) _onEvent?.Invoke(item);
        lock (_moments)
        {
            var last = _moments[^1];
            _moments.Add(type == WatchEventType.Deleted ? last.Remove(item.Metadata.Name) : last.SetItem(item.Metadata.Name, item));
        }
    }
}
