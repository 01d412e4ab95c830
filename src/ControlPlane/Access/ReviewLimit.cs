namespace ModuleController.ControlPlane.Access;

/// <summary>What a review by the API server ended in.</summary>
public enum ReviewOutcome
{
    Yes,
    No,

    /// <summary>The API server could not be asked.</summary>
    Unavailable,

    /// <summary>Too many others wait for the API server.</summary>
    Busy,
}

/// <summary>Lets so many reviews be in progress, and so many more wait for them: nobody floods the API server.</summary>
public sealed class ReviewLimit(int concurrent, int waiting) : IDisposable
{
    private readonly SemaphoreSlim _free = new(concurrent, concurrent);
    private int _present;

    /// <summary>Null: too many wait.</summary>
    public async Task<T?> RunAsync<T>(Func<Task<T>> review, CancellationToken cancellation) where T : class
    {
        try
        {
            if (Interlocked.Increment(ref _present) > concurrent + waiting) return null;
            await _free.WaitAsync(cancellation);
            try
            {
                return await review();
            }
            finally
            {
                _free.Release();
            }
        }
        finally
        {
            Interlocked.Decrement(ref _present);
        }
    }

    public void Dispose() => _free.Dispose();
}
