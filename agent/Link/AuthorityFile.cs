using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Logging;
using ModuleController.Core.Meta;

namespace ModuleController.Agent.Link;

/// <summary>
/// The file with the authorities to trust. The controller writes it into a ConfigMap, so it may appear after the start of the agent, and
/// change. Without it, the agent waits: it never falls back to other authorities.
/// </summary>
public sealed class AuthorityFile(string path, TimeProvider time, ILogger log)
{
    private static readonly TimeSpan ReadEvery = TimeSpan.FromSeconds(1);

    /// <summary>The present authorities; waits until there are any.</summary>
    public async Task<X509Certificate2Collection> ReadAsync(CancellationToken cancellation)
    {
        string? reported = null;
        while (true)
        {
            var authorities = new X509Certificate2Collection();
            var problem = Read(authorities);
            if (problem is null) return authorities;
            if (problem != reported) log.AuthorityAwaited(problem);
            reported = problem;
            await Task.Delay(ReadEvery, time, cancellation);
        }
    }

    private string? Read(X509Certificate2Collection authorities)
    {
        try
        {
            authorities.ImportFromPemFile(path);
            return authorities.Count > 0 ? null : $"{path} has no certificate";
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            return $"there is no file {path}";
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or CryptographicException)
        {
            return $"{path} can't be read: {ExceptionText.Of(exception)}";
        }
    }
}
