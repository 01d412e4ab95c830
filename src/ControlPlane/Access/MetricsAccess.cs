using System.Security.Cryptography;
using System.Text;
using ModuleController.Kube.Client;

namespace ModuleController.ControlPlane.Access;

/// <summary>Lets those read <c>/metrics</c> whom RBAC permits <c>get</c> on this path, by their bearer token.</summary>
/// <remarks>
/// An accepted token is not reviewed again for five minutes, so that metrics can be read while the API server is down. At most four
/// reviews are in progress at a time: whoever sends invalid tokens does not flood the API server.
/// </remarks>
public sealed partial class MetricsAccess(IKubeClient client, TimeProvider time, ILogger<MetricsAccess> logger) : IDisposable
{
    public static readonly TimeSpan AcceptedFor = TimeSpan.FromMinutes(5);

    private const string Scheme = "Bearer ";
    private const string FieldManager = "modulecontroller-metrics";
    private const int MaxAccepted = 64;

    private readonly SemaphoreSlim _reviewing = new(4, 4);
    private readonly Lock _lock = new();
    private readonly Dictionary<string, DateTimeOffset> _accepted = [];

    /// <summary>Answers 401, 403 or 503 (the API server could not be asked), or calls the next.</summary>
    public async Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        var (code, why) = await CheckAsync(context.Request.Headers.Authorization.ToString(), context.RequestAborted);
        if (code is null)
        {
            await next(context);
            return;
        }

        context.Response.StatusCode = code.Value;
        if (code == StatusCodes.Status401Unauthorized) context.Response.Headers.WWWAuthenticate = "Bearer";
        await context.Response.WriteAsync($"{why}\n", context.RequestAborted);
    }

    public void Dispose() => _reviewing.Dispose();

    private async Task<(int? Code, string Why)> CheckAsync(string authorization, CancellationToken cancellation)
    {
        if (!authorization.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase))
            return (StatusCodes.Status401Unauthorized, "a bearer token is needed");
        var token = authorization[Scheme.Length..].Trim();
        // The token itself is not kept.
        var hash = Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(token)));
        if (IsAccepted(hash)) return default;

        await _reviewing.WaitAsync(cancellation);
        try
        {
            return await ReviewAsync(token, hash, cancellation);
        }
        catch (KubeException exception)
        {
            LogNotReviewed(exception.Message);
            return (StatusCodes.Status503ServiceUnavailable, "the API server could not be asked about the token: try again");
        }
        finally
        {
            _reviewing.Release();
        }
    }

    private async Task<(int? Code, string Why)> ReviewAsync(string token, string hash, CancellationToken cancellation)
    {
        // Without audiences, it must be made for the API server: an agent's token is not.
        var identity = (await client.CreateAsync(new TokenReview { Spec = new() { Token = token } }, FieldManager, cancellation)).Status;
        if (!identity.Authenticated) return (StatusCodes.Status401Unauthorized, "the API server does not accept the token");

        var user = identity.User;
        var access = await client.CreateAsync(
            new SubjectAccessReview
            {
                Spec = new()
                {
                    User = user.Username,
                    Uid = user.Uid,
                    Groups = user.Groups,
                    Extra = user.Extra,
                    NonResourceAttributes = new("/metrics", "get"),
                },
            },
            FieldManager, cancellation);
        if (!access.Status.Allowed) return (StatusCodes.Status403Forbidden, $"user {user.Username} may not get /metrics");
        Accept(hash);
        return default;
    }

    private bool IsAccepted(string hash)
    {
        lock (_lock) return _accepted.TryGetValue(hash, out var until) && time.GetUtcNow() < until;
    }

    private void Accept(string hash)
    {
        var now = time.GetUtcNow();
        lock (_lock)
        {
            foreach (var (known, until) in _accepted)
                if (until <= now) _accepted.Remove(known);
            if (_accepted.Count < MaxAccepted) _accepted[hash] = now + AcceptedFor;
        }
    }

    [LoggerMessage(LogLevel.Warning, "A token for /metrics could not be reviewed: {Why}")]
    private partial void LogNotReviewed(string why);
}
