namespace ModuleController.ControlPlane.Admission;

/// <summary>Answers the reviews of one webhook, on every replica. It has no side effects that a dry run must not have.</summary>
/// <remarks>What it throws is logged and answered with 500. The webhook's <c>failurePolicy</c> then decides about the request.</remarks>
public interface IAdmissionHandler
{
    /// <summary>The last segment of the webhook's path: <c>/admission/NAME</c>.</summary>
    string Name { get; }

    /// <summary>Until the caches are synced, requests are answered with 503.</summary>
    bool ReadsCaches { get; }

    /// <param name="cancellation">The request's deadline, or the API server no longer waits.</param>
    ValueTask<AdmissionDecision> DecideAsync(AdmissionRequest request, CancellationToken cancellation);
}
