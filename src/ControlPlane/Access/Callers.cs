using System.Security.Cryptography;
using System.Text;
using ModuleController.Kube.Client;

namespace ModuleController.ControlPlane.Access;

/// <summary>Whose bearer token it is.</summary>
/// <param name="Key">A hash of the token: two tokens of one user have two.</param>
public sealed record Caller(string Key, TokenUser User);

/// <summary>Identifies callers by their bearer tokens, which must be made for the API server: an agent's is not.</summary>
/// <remarks>
/// An answer is used for a short time. A token itself is not kept. Unknown tokens wait for each other, and known ones for nothing.
/// </remarks>
public sealed partial class Callers(IKubeClient client, TimeProvider time, ILogger<Callers> logger) : IDisposable
{
    public static readonly TimeSpan AcceptedFor = TimeSpan.FromSeconds(30);
    public static readonly TimeSpan RefusedFor = TimeSpan.FromSeconds(10);

    private const string Scheme = "Bearer ";
    private const string FieldManager = "modulecontroller-control";
    private const int Capacity = 4096;

    private readonly ReviewLimit _limit = new(concurrent: 4, waiting: 64);
    private readonly ReviewCache<string, Caller> _accepted = new(AcceptedFor, Capacity, time);
    private readonly ReviewCache<string, bool> _refused = new(RefusedFor, Capacity, time);

    /// <param name="authorization">The header; without a bearer token the outcome is <see cref="ReviewOutcome.No"/>.</param>
    public async Task<(ReviewOutcome Outcome, Caller? Caller)> IdentifyAsync(string authorization, CancellationToken cancellation)
    {
        if (!authorization.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)) return (ReviewOutcome.No, null);
        var token = authorization[Scheme.Length..].Trim();
        var key = Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(token)));
        if (_accepted.TryGet(key, out var known)) return (ReviewOutcome.Yes, known);
        if (token.Length == 0 || _refused.TryGet(key, out _)) return (ReviewOutcome.No, null);
        try
        {
            var review = await _limit.RunAsync(
                () => client.CreateAsync(new TokenReview { Spec = new() { Token = token } }, FieldManager, cancellation), cancellation);
            if (review is null) return (ReviewOutcome.Busy, null);
            if (!review.Status.Authenticated)
            {
                _refused.Set(key, true);
                return (ReviewOutcome.No, null);
            }

            var caller = new Caller(key, review.Status.User);
            _accepted.Set(key, caller);
            return (ReviewOutcome.Yes, caller);
        }
        catch (KubeException exception)
        {
            LogNotReviewed(exception.Message);
            return (ReviewOutcome.Unavailable, null);
        }
    }

    public void Dispose() => _limit.Dispose();

    [LoggerMessage(LogLevel.Warning, "A token of a caller could not be reviewed: {Why}")]
    private partial void LogNotReviewed(string why);
}
