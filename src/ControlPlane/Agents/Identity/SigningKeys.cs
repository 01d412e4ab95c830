using ModuleController.Kube.Client;

namespace ModuleController.ControlPlane.Agents.Identity;

/// <summary>The keys that verify ServiceAccount tokens, as the API server publishes them.</summary>
/// <remarks>
/// They are read when they are needed first, for a token with an unknown key or issuer, and for the first token after five minutes, so
/// that removed keys are dropped. They are read at most every ten seconds, and concurrent callers share one read. If a read fails or takes
/// longer than two seconds, the keys of the last one stay.
/// </remarks>
/// <param name="read">Reads a document of the API server by its path.</param>
public sealed partial class SigningKeys(
    Func<string, CancellationToken, Task<string>> read, TimeProvider time, ILogger<SigningKeys> logger)
{
    public static readonly TimeSpan MinInterval = TimeSpan.FromSeconds(10);
    public static readonly TimeSpan MaxAge = TimeSpan.FromMinutes(5);

    private static readonly TimeSpan ReadTimeout = TimeSpan.FromSeconds(10);

    // An API server that answers does so in milliseconds. Agents can connect while it does not.
    private static readonly TimeSpan WaitForNewer = TimeSpan.FromSeconds(2);

    private readonly Lock _lock = new();
    private PublishedKeys? _published;
    private Task<IssuerKeys?> _reading = Task.FromResult<IssuerKeys?>(null);
    private long? _begunAt;

    /// <summary>The present keys; null: none could be read yet.</summary>
    public async Task<IssuerKeys?> GetAsync(CancellationToken cancellation)
    {
        if (Volatile.Read(ref _published) is not { } published) return await RefreshAsync(cancellation);
        if (time.GetElapsedTime(published.ReadAt) < MaxAge) return published.Keys;
        try
        {
            return await BeginIfAllowed().WaitAsync(WaitForNewer, time, cancellation) ?? published.Keys;
        }
        catch (TimeoutException)
        {
            return published.Keys;
        }
    }

    /// <summary>The keys of a read that ends after this call; null: it failed, or the last one began less than ten seconds ago.</summary>
    public Task<IssuerKeys?> RefreshAsync(CancellationToken cancellation) => BeginIfAllowed().WaitAsync(cancellation);

    private Task<IssuerKeys?> BeginIfAllowed()
    {
        lock (_lock)
        {
            if (!_reading.IsCompleted) return _reading;
            if (_begunAt is { } begun && time.GetElapsedTime(begun) < MinInterval) return Task.FromResult<IssuerKeys?>(null);
            _begunAt = time.GetTimestamp();
            // All callers share the task, so none of them may cancel it.
            return _reading = Task.Run(ReadAsync, CancellationToken.None);
        }
    }

    private async Task<IssuerKeys?> ReadAsync()
    {
        using var timeout = new CancellationTokenSource(ReadTimeout, time);
        try
        {
            var begunAt = time.GetTimestamp();
            var configuration = await read("/.well-known/openid-configuration", timeout.Token);
            var keys = IssuerKeys.Parse(configuration, await read("/openid/v1/jwks", timeout.Token));
            var before = _published?.Keys;
            if (before is null || !keys.Keys.Keys.ToHashSet().SetEquals(before.Keys.Keys) || keys.Issuer != before.Issuer)
                LogRead(keys.Issuer, keys.Keys.Count);
            Volatile.Write(ref _published, new(keys, begunAt));
            return keys;
        }
        catch (Exception exception) when (exception is KubeException or FormatException or OperationCanceledException)
        {
            LogNotRead(exception.Message);
            return null;
        }
    }

    [LoggerMessage(LogLevel.Information, "Tokens of agents are verified with {Count} keys of the issuer {Issuer}")]
    private partial void LogRead(string issuer, int count);

    [LoggerMessage(LogLevel.Warning, "The keys for tokens of agents could not be read: {Why}")]
    private partial void LogNotRead(string why);

    private sealed record PublishedKeys(IssuerKeys Keys, long ReadAt);
}
