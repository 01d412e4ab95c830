using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Grpc.Core;
using ModuleController.Kube.Client;

namespace ModuleController.ControlPlane.Agents;

/// <summary>Finds the pod of a stream's bearer token with a TokenReview.</summary>
/// <remarks>
/// An answer is kept for a minute, at most until its token expires; a refusal for ten seconds. Concurrent
/// streams with one token share one request. At most 32 requests are in progress at a time, so that 5,000 agents that
/// reconnect do not flood the API server.
/// </remarks>
public sealed partial class AgentAuthenticator(
    IKubeClient client, AgentOptions options, TimeProvider time, ILogger<AgentAuthenticator> logger) : IDisposable
{
    private const string PodNameKey = "authentication.kubernetes.io/pod-name";
    private const string PodUidKey = "authentication.kubernetes.io/pod-uid";
    private const string AccountPrefix = "system:serviceaccount:";
    private const int MaxTokenLength = 16 * 1024;
    private const int MaxKept = 20_000;

    private static readonly TimeSpan GoodFor = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan RefusedFor = TimeSpan.FromSeconds(10);

    private readonly SemaphoreSlim _asking = new(32, 32);
    private readonly Dictionary<string, Kept> _kept = [];
    private readonly Lock _lock = new();

    /// <param name="authorization">The header's value, or null.</param>
    public async Task<Authentication> AuthenticateAsync(string? authorization, CancellationToken cancellation)
    {
        if (options.AllowInsecure && string.IsNullOrEmpty(authorization)) return default;
        if (authorization is null || !authorization.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase))
            return Authentication.Refused(StatusCode.Unauthenticated, "a bearer token of the pod's service account is needed");

        var token = authorization["Bearer ".Length..].Trim();
        if (token.Length is 0
            or > MaxTokenLength) return Authentication.Refused(StatusCode.Unauthenticated, "the token is empty or too long");
        return await Ask(token).WaitAsync(cancellation);
    }

    public void Dispose() => _asking.Dispose();

    private Task<Authentication> Ask(string token)
    {
        var hash = Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(token)));
        lock (_lock)
        {
            var now = time.GetUtcNow();
            if (_kept.TryGetValue(hash, out var kept) && kept.Until > now) return kept.Answer;
            if (_kept.Count >= MaxKept)
            {
                foreach (var old in _kept.Where(item => item.Value.Until <= now).Select(item => item.Key).ToArray()) _kept.Remove(old);
                if (_kept.Count >= MaxKept) _kept.Clear();
            }

            // All callers with this token share the task, so none of them may cancel it.
            var asked = new Kept(now + GoodFor);
            _kept[hash] = asked;
            asked.Answer = Task.Run(() => ReviewAsync(token, hash, asked), CancellationToken.None);
            return asked.Answer;
        }
    }

    private async Task<Authentication> ReviewAsync(string token, string hash, Kept asked)
    {
        await _asking.WaitAsync();
        try
        {
            var review = await client.CreateAsync(
                new TokenReview { Spec = new() { Token = token, Audiences = [options.Audience] } }, "modulecontroller-gateway");
            var answer = Read(review.Status);
            var now = time.GetUtcNow();
            lock (_lock) asked.Until = answer.Refusal is null ? Min(now + GoodFor, ExpiryOf(token)) : now + RefusedFor;
            return answer;
        }
        catch (KubeException exception)
        {
            lock (_lock) _kept.Remove(hash);
            LogNotReviewed(exception.Message);
            return Authentication.Refused(StatusCode.Unavailable, "the API server could not be asked about the token: try again");
        }
        finally
        {
            _asking.Release();
        }
    }

    private Authentication Read(TokenReviewStatus status)
    {
        if (!status.Authenticated) return Authentication.Refused(StatusCode.Unauthenticated, "the API server does not accept the token");
        if (!status.Audiences.Contains(options.Audience))
            return Authentication.Refused(StatusCode.Unauthenticated, $"the token is not made for the audience {options.Audience}");

        var account = status.User.Username ?? "";
        var parts = account.StartsWith(AccountPrefix, StringComparison.Ordinal) ? account[AccountPrefix.Length..].Split(':') : [];
        if (parts.Length != 2 || Extra(status, PodNameKey) is not { } pod || Extra(status, PodUidKey) is not { } uid)
            return Authentication.Refused(StatusCode.PermissionDenied, "the token is not bound to a pod");
        return Authentication.Of(new(parts[0], pod, uid));
    }

    private static string? Extra(TokenReviewStatus status, string key) =>
        status.User.Extra.TryGetValue(key, out var values) && values is [{ Length: > 0 } value, ..] ? value : null;

    // It can only shorten how long an answer is kept, so the signature is not checked.
    private static DateTimeOffset ExpiryOf(string token)
    {
        try
        {
            var parts = token.Split('.');
            if (parts.Length != 3) return DateTimeOffset.MaxValue;
            using var claims = JsonDocument.Parse(Base64Url.DecodeFromChars(parts[1]));
            return claims.RootElement.TryGetProperty("exp", out var exp) && exp.TryGetInt64(out var seconds) && seconds is > 0
                and < 253_402_300_800
                ? DateTimeOffset.FromUnixTimeSeconds(seconds)
                : DateTimeOffset.MaxValue;
        }
        catch (Exception exception) when (exception is FormatException or JsonException or InvalidOperationException)
        {
            return DateTimeOffset.MaxValue;
        }
    }

    private static DateTimeOffset Min(DateTimeOffset one, DateTimeOffset other) => one < other ? one : other;

    [LoggerMessage(LogLevel.Warning, "An agent's token could not be reviewed: {Why}")]
    private partial void LogNotReviewed(string why);

    private sealed class Kept(DateTimeOffset until)
    {
        public DateTimeOffset Until { get; set; } = until;

        public Task<Authentication> Answer { get; set; } = null!;
    }
}
