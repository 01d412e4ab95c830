using ModuleController.Kube.Client;

namespace ModuleController.ControlPlane.Reconcilers.Execution;

/// <summary>What the attempt to carry out one step resulted in; a closed set.</summary>
internal abstract record StepResult
{
    private StepResult()
    {
    }

    public sealed record Done : StepResult;

    public sealed record Deferred(DateTimeOffset Until) : StepResult;

    /// <summary>No answer, 401, 429, 503 or 504: an outage of the API server, or a webhook that fails for one user.</summary>
    public sealed record Interrupted(KubeException Exception) : StepResult;

    /// <summary>The cache was stale.</summary>
    public sealed record Conflict : StepResult;

    public sealed record NamespaceTerminating : StepResult;

    public sealed record Rejected(KubeException Exception) : StepResult;

    /// <summary>A bug. It shows in one step, and is no reason to stop all others of the key.</summary>
    public sealed record Crashed(Exception Exception) : StepResult;

    /// <param name="carryOut">Its result is the time at which a deferred step is due; null: it was carried out.</param>
    public static async Task<StepResult> OfAsync(Func<Task<DateTimeOffset?>> carryOut)
    {
        try
        {
            return await carryOut() is { } due ? new Deferred(due) : new Done();
        }
        catch (KubeException exception)
        {
            return exception.Error.IsOutage ? new Interrupted(exception)
                : exception.IsConflict ? new Conflict()
                : exception.Error.IsNamespaceTerminating ? new NamespaceTerminating()
                : new Rejected(exception);
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            return new Crashed(exception);
        }
    }
}
