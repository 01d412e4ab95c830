using System.Text;

namespace ModuleController.Dev.Kubelet.Containers;

/// <summary>The last lines that a container wrote. Followers get each new one.</summary>
public sealed class ContainerLog(int keep = 5_000)
{
    private readonly Lock _lock = new();
    private readonly Queue<string> _lines = new();
    private long _first; // number of the oldest line
    private bool _isClosed;
    private TaskCompletionSource _changed = New();

    public void Write(string line)
    {
        lock (_lock)
        {
            _lines.Enqueue(line);
            if (_lines.Count > keep)
            {
                _lines.Dequeue();
                _first++;
            }
        }

        NotifyFollowers();
    }

    /// <summary>Ends the followers: no more lines are written.</summary>
    public void Close()
    {
        lock (_lock) _isClosed = true;
        NotifyFollowers();
    }

    public IReadOnlyList<string> Lines
    {
        get
        {
            lock (_lock) return [.. _lines];
        }
    }

    /// <summary>Copies the last <paramref name="tail"/> lines (null: all) and, while following, each new one.</summary>
    public async Task CopyToAsync(Stream target, bool follow, int? tail, CancellationToken cancellation)
    {
        var next = -1L;
        while (true)
        {
            List<string> lines;
            Task changed;
            bool isEnd;
            lock (_lock)
            {
                if (next < 0) next = tail is { } count ? Math.Max(_first, _first + _lines.Count - count) : _first;
                next = Math.Max(next, _first);
                lines = [.. _lines.Skip((int)(next - _first))];
                next += lines.Count;
                changed = _changed.Task;
                isEnd = _isClosed || !follow;
            }

            foreach (var line in lines) await target.WriteAsync(Encoding.UTF8.GetBytes(line + "\n"), cancellation);
            await target.FlushAsync(cancellation);
            if (isEnd) return;
            await changed.WaitAsync(cancellation);
        }
    }

    private void NotifyFollowers()
    {
        TaskCompletionSource changed;
        lock (_lock) (changed, _changed) = (_changed, New());
        changed.SetResult();
    }

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
