using System.Threading.Channels;
using Grpc.Core;

namespace ModuleController.ControlPlane.Agents.Identity;

/// <summary>The credential of one stream. The agent renews it while the stream continues.</summary>
/// <param name="identity">Null: the stream needs no credential.</param>
internal sealed class StreamCredential(
    AgentIdentity? identity, AgentHello hello, AgentAuthenticator authenticator, TimeProvider time)
{
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(10);

    // The newest one counts: however many an agent sends, one is checked at a time.
    private readonly Channel<string> _offered =
        Channel.CreateBounded<string>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropOldest, SingleReader = true });

    private AgentIdentity? _identity = identity;

    public bool IsExpired(DateTimeOffset now) =>
        Volatile.Read(ref _identity) is { } current && now - AgentToken.ClockSkew >= current.ExpiresAt;

    /// <summary>Never waits.</summary>
    public void Offer(string token) => _offered.Writer.TryWrite(token);

    /// <summary>
    /// Checks what is offered, until the stream ends, and ends it for a credential that is invalid or another pod's. One that can't be
    /// checked now is tried again, while the present one is valid.
    /// </summary>
    public async Task RenewAsync(Action<StatusCode, string> close, CancellationToken ending)
    {
        try
        {
            await foreach (var token in _offered.Reader.ReadAllAsync(ending))
            {
                var (renewed, refusal) = await authenticator.AuthenticateTokenAsync(token, ending, isRenewal: true);
                refusal ??= renewed?.RefusalFor(hello);
                if (refusal is null) Volatile.Write(ref _identity, renewed);
                else if (refusal is { StatusCode: StatusCode.Unavailable })
                {
                    await Task.Delay(RetryAfter, time, ending);
                    // Unless a newer one has come meanwhile.
                    if (_offered.Reader.Count == 0) Offer(token);
                }
                else close(refusal.Value.StatusCode, refusal.Value.Detail);
            }
        }
        catch (OperationCanceledException) when (ending.IsCancellationRequested)
        {
            // The stream has ended.
        }
    }
}
