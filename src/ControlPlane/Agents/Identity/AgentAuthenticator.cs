using Grpc.Core;

namespace ModuleController.ControlPlane.Agents.Identity;

/// <summary>Finds the pod of an agent's bearer token, with the keys that the API server publishes.</summary>
/// <remarks>
/// The API server is asked about a token only while no keys are available, never about a token whose signature is wrong. Whether the pod
/// still exists is not checked here: see <see cref="KnownPods"/>.
/// </remarks>
public sealed class AgentAuthenticator(SigningKeys keys, TokenReviews reviews, AgentOptions options, TimeProvider time)
{
    private const string Scheme = "Bearer ";

    /// <param name="authorization">The header's value, or null.</param>
    public async Task<Authentication> AuthenticateAsync(string? authorization, CancellationToken cancellation)
    {
        if (options.AllowInsecure && string.IsNullOrEmpty(authorization)) return default;
        return authorization is not null && authorization.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)
            ? await AuthenticateTokenAsync(authorization[Scheme.Length..].Trim(), cancellation)
            : Authentication.Refused(StatusCode.Unauthenticated, "a bearer token of the pod's service account is needed");
    }

    /// <summary>The status <see cref="StatusCode.Unavailable"/> means that the same token may be accepted later.</summary>
    /// <param name="isRenewal">Another token is still valid. So one with an unknown key can wait until the API server publishes the
    /// key.</param>
    public async Task<Authentication> AuthenticateTokenAsync(string text, CancellationToken cancellation, bool isRenewal = false)
    {
        if (AgentToken.Read(text) is not { } token)
            return Authentication.Refused(StatusCode.Unauthenticated, "the token is none of a service account");
        if (await keys.GetAsync(cancellation) is not { } known) return await reviews.AskAsync(token, cancellation);
        if (!known.Knows(token.Issuer, token.KeyId))
        {
            var fresh = await keys.RefreshAsync(cancellation);
            if (fresh is null || (isRenewal && !fresh.Knows(token.Issuer, token.KeyId)))
                return Authentication.Refused(StatusCode.Unavailable, "the key of the token is unknown: try again");
            known = fresh;
        }

        return await token.VerifyAsync(known, options.Audience, time.GetUtcNow());
    }
}
