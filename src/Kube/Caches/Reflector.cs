using Microsoft.Extensions.Logging;
using ModuleController.Core.Meta;
using ModuleController.Kube.Client;

namespace ModuleController.Kube.Caches;

/// <summary>What part of a kind a cache holds, and in which shape.</summary>
public sealed record InformerOptions<T> where T : class, IResource
{
    /// <summary>Null: all namespaces.</summary>
    public string? Namespace { get; init; }

    public string? LabelSelector { get; init; }

    public string? FieldSelector { get; init; }

    /// <summary>Drops the unused fields of an object before it is stored.</summary>
    public Func<T, T>? Transform { get; init; }

    /// <summary>The server ends each watch after this, spread a little so that they don't all end at once.</summary>
    public TimeSpan WatchTimeout { get; init; } = TimeSpan.FromMinutes(7);

    public int PageSize { get; init; } = 500;
}

/// <summary>Keeps a store like the API server's collection: <c>List → Watch → (resume | List)</c>.</summary>
/// <remarks>
/// A dropped or silent stream resumes from the last version.
/// A watch that delivered events, bookmarks included, resumes immediately, at most twice a second: under load, a server ends the
/// watch of a reader that is behind. An error of the server (429, 5xx) after events ends a watch that delivered.
/// A watch that failed, or ended within a second without events, backs off 0.8 to 30 s with jitter. The backoff starts over after
/// a watch that delivered, one that ended in good order, and one that failed but lived longer than the longest backoff.
/// A 410 or an unreadable event backs off and lists again.
/// An object of a list that cannot be read keeps its last state, and is logged as an error.
/// </remarks>
public sealed partial class Reflector<T>(
    IKubeClient client, Store<T> store, InformerOptions<T> options, TimeProvider time, ILogger logger, CacheLag? lag = null)
    where T : class, IResource
{
    private static readonly TimeSpan ResumeGap = TimeSpan.FromSeconds(0.5);
    private static readonly TimeSpan TooShort = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestBackoff = TimeSpan.FromSeconds(30);

    private readonly Backoff _backoff = new(TimeSpan.FromSeconds(0.8), LongestBackoff, 1);
    private readonly TaskCompletionSource _synced = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private string? _version;   // where the next watch begins; null: list first
    private int _failures;
    private bool _pagesExpired;
    private long? _opened;   // when the present watch began; null: there was none
    private bool _hasDelivered;
    private long _lastHeard = time.GetTimestamp();

    /// <summary>Completed by the first list.</summary>
    public Task Synced => _synced.Task;

    /// <summary>How long the API server has sent nothing, not even a bookmark.</summary>
    public TimeSpan Silence => time.GetElapsedTime(Interlocked.Read(ref _lastHeard));

    /// <summary>Runs until cancelled; no failure ends it.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        while (!cancellation.IsCancellationRequested)
        {
            (_opened, _hasDelivered) = (null, false);
            var isInOrder = false;
            try
            {
                if (_version is null) await ListAsync(cancellation);
                _opened = time.GetTimestamp();
                isInOrder = await WatchAsync(_version!, cancellation);
            }
            catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
            {
                return;
            }
            catch (KubeException exception)
            {
                // A rejection (a 4xx except 429) would repeat for the same version; a broken connection may recover.
                if (exception.Error.Code is >= 400 and < 500 and not 429) _version = null;
                if (exception.IsExpired) LogExpired(T.Kind);
                else LogInterrupted(T.Kind, exception.Message);
            }
            catch (Exception exception)
            {
                _version = null;
                LogFailed(exception, T.Kind);
            }

            await WaitAsync(isInOrder, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task ListAsync(CancellationToken cancellation)
    {
        var items = new List<T>();
        var unreadable = new List<ObjectKey>();
        var next = default(string);
        string version;
        try
        {
            do
            {
                var page = await client.ListAsync<T>(new()
                {
                    Namespace = options.Namespace,
                    LabelSelector = options.LabelSelector,
                    FieldSelector = options.FieldSelector,
                    Limit = _pagesExpired ? null : options.PageSize,
                    Continue = next,
                }, cancellation);
                items.AddRange(options.Transform is { } transform ? page.Items.Select(transform) : page.Items);
                foreach (var item in page.Unreadable)
                {
                    LogUnreadable(T.Kind, item.Key, item.Error);
                    unreadable.Add(item.Key);
                }

                (version, next) = (page.ResourceVersion, page.Continue);
            }
            while (next is not null);
        }
        catch (KubeException exception) when (exception.IsExpired)
        {
            _pagesExpired = true;   // a page token: the collection changes faster than we page: next time all at once
            throw;
        }

        store.Replace(items, version, unreadable);
        _pagesExpired = false;
        _version = version;
        lag?.Observed(version);
        Heard();
        LogListed(T.Kind, items.Count, version);
        _synced.TrySetResult();
    }

    /// <summary>True where the server ended the watch in good order.</summary>
    private async Task<bool> WatchAsync(string from, CancellationToken cancellation)
    {
        var watch = client.WatchAsync<T>(new()
        {
            Namespace = options.Namespace,
            LabelSelector = options.LabelSelector,
            FieldSelector = options.FieldSelector,
            ResourceVersion = from,
            Timeout = options.WatchTimeout * (0.75 + (Random.Shared.NextDouble() / 2)),
        }, cancellation);
        await foreach (var happened in watch.WithCancellation(cancellation))
        {
            Heard();
            if (happened.Type == WatchEventType.Error)
            {
                var error = happened.Error!;
                if (error.IsExpired || error.Reason == KubeError.Unreadable || error.Code is >= 400 and < 500 and not 429) _version = null;
                if (error.IsExpired) LogExpired(T.Kind);
                else LogInterrupted(T.Kind, error.ToString());
                return false;
            }

            Apply(happened);
            _version = happened.ResourceVersion ?? _version;
            _hasDelivered = true;
            lag?.Observed(happened.ResourceVersion);
        }

        return true;
    }

    private void Apply(WatchEvent<T> happened)
    {
        switch (happened.Type)
        {
            case WatchEventType.Added or WatchEventType.Modified:
                store.Upsert(options.Transform is { } transform ? transform(happened.Object!) : happened.Object!);
                break;
            case WatchEventType.Deleted:
                store.Delete(happened.Object!);
                break;
            case WatchEventType.Bookmark when happened.ResourceVersion is { } version:
                store.Advance(version);
                break;
        }
    }

    private Task WaitAsync(bool isInOrder, CancellationToken cancellation)
    {
        var lived = _opened is { } opened ? time.GetElapsedTime(opened) : TimeSpan.Zero;
        if (_version is not null && (_hasDelivered || (isInOrder && lived > TooShort)))
        {
            _failures = 0;
            return lived < ResumeGap ? Task.Delay(ResumeGap - lived, time, cancellation) : Task.CompletedTask;
        }

        // A server that ends watches as fast as we open them is in trouble.
        _failures = _hasDelivered || lived > LongestBackoff ? 1 : _failures + 1;
        return Task.Delay(_backoff.After(_failures, Random.Shared.NextDouble()), time, cancellation);
    }

    private void Heard() => Interlocked.Exchange(ref _lastHeard, time.GetTimestamp());

    [LoggerMessage(LogLevel.Debug, "Listed {Count} {Kind} at version {Version}")]
    private partial void LogListed(ResourceKind kind, int count, string version);

    [LoggerMessage(LogLevel.Information, "The watch of {Kind} is too old; listing again")]
    private partial void LogExpired(ResourceKind kind);

    [LoggerMessage(LogLevel.Warning, "The watch of {Kind} was interrupted: {Why}")]
    private partial void LogInterrupted(ResourceKind kind, string why);

    [LoggerMessage(LogLevel.Error, "Watching {Kind} failed")]
    private partial void LogFailed(Exception exception, ResourceKind kind);

    [LoggerMessage(LogLevel.Error, "Failed to decode {Kind} {Key}, its last known state is kept: {Error}")]
    private partial void LogUnreadable(ResourceKind kind, ObjectKey key, string error);
}
