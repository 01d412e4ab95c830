using ModuleController.Protocol.V1;

namespace ModuleController.Agent.Link;

/// <summary>The file with the ServiceAccount token, which the kubelet renews long before the token expires.</summary>
internal sealed class TokenFile(string path, TimeProvider time)
{
    private static readonly TimeSpan ReadEvery = TimeSpan.FromSeconds(10);

    public async Task<string> ReadAsync(CancellationToken cancellation) => (await File.ReadAllTextAsync(path, cancellation)).Trim();

    /// <summary>Sends each token that differs from the one before, until cancelled.</summary>
    /// <param name="sent">The token that the stream began with.</param>
    public async Task FollowAsync(string sent, Action<Credential> send, CancellationToken cancellation)
    {
        while (true)
        {
            await Task.Delay(ReadEvery, time, cancellation);
            string token;
            try
            {
                token = await ReadAsync(cancellation);
            }
            catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
            {
                continue;      // If it stays so, the stream ends when its token expires, and the next one reports the problem.
            }

            if (token.Length == 0 || token == sent) continue;
            send(new() { Token = token });
            sent = token;
        }
    }
}
