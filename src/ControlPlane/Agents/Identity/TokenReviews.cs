using Grpc.Core;
using ModuleController.ControlPlane.Access;
using ModuleController.Kube.Client;

namespace ModuleController.ControlPlane.Agents.Identity;

/// <summary>Asks the API server about tokens, while its keys are not available.</summary>
/// <remarks>At most 32 requests are in progress at a time, so that 5,000 agents that reconnect do not flood the API server.</remarks>
public sealed partial class TokenReviews(IKubeClient client, string audience, TimeProvider time, ILogger<TokenReviews> logger) : IDisposable
{
    private const string PodUidKey = "authentication.kubernetes.io/pod-uid";

    private readonly SemaphoreSlim _asking = new(32, 32);

    public async Task<Authentication> AskAsync(AgentToken token, CancellationToken cancellation)
    {
        await _asking.WaitAsync(cancellation);
        try
        {
            var review = await client.CreateAsync(
                new TokenReview { Spec = new() { Token = token.Text, Audiences = [audience] } }, "modulecontroller-gateway", cancellation);
            return Read(token, review.Status);
        }
        catch (KubeException exception)
        {
            LogNotReviewed(exception.Message);
            return Authentication.Refused(StatusCode.Unavailable, "the API server could not be asked about the token: try again");
        }
        finally
        {
            _asking.Release();
        }
    }

    public void Dispose() => _asking.Dispose();

    private Authentication Read(AgentToken token, TokenReviewStatus status)
    {
        if (!status.Authenticated)
            return Authentication.Refused(StatusCode.Unauthenticated, "the API server does not accept the token");
        if (!status.Audiences.Contains(audience))
            return Authentication.Refused(StatusCode.Unauthenticated, $"the token is not made for the audience {audience}");

        // The API server has verified the claims. They must name the pod for which one of its authenticators accepted the token.
        return status.User.Extra.TryGetValue(PodUidKey, out var uids)
            && token.ToIdentity(time.GetUtcNow()) is { Identity: { } identity } answer
            && uids.Contains(identity.PodUid)
            ? answer
            : Authentication.Refused(StatusCode.PermissionDenied, "the token is not bound to a pod");
    }

    [LoggerMessage(LogLevel.Warning, "An agent's token could not be reviewed: {Why}")]
    private partial void LogNotReviewed(string why);
}
