using System.Text.Json;
using Microsoft.IdentityModel.Tokens;

namespace ModuleController.ControlPlane.Agents.Identity;

/// <summary>The issuer of ServiceAccount tokens, and its public keys by id.</summary>
public sealed record IssuerKeys(string Issuer, IReadOnlyDictionary<string, SecurityKey> Keys)
{
    // The library would otherwise keep a cache for each key that was ever published.
    private static readonly CryptoProviderFactory NoCache = new() { CacheSignatureProviders = false };

    /// <summary>Whether a token with these claims can be verified, by what is known.</summary>
    public bool Knows(string issuer, string keyId) => issuer == Issuer && Keys.ContainsKey(keyId);

    /// <summary>Reads the two documents of the API server.</summary>
    /// <exception cref="FormatException">They have no issuer, or no key that can be used.</exception>
    public static IssuerKeys Parse(string configuration, string keySet)
    {
        try
        {
            using var document = JsonDocument.Parse(configuration);
            var issuer = document.RootElement.GetProperty("issuer").GetString();
            var keys = new Dictionary<string, SecurityKey>();
            foreach (var key in new JsonWebKeySet(keySet).GetSigningKeys())
            {
                if (key is not (RsaSecurityKey or ECDsaSecurityKey) || string.IsNullOrEmpty(key.KeyId)) continue;
                key.CryptoProviderFactory = NoCache;
                keys[key.KeyId] = key;
            }

            return string.IsNullOrEmpty(issuer) || keys.Count == 0
                ? throw new FormatException("the API server publishes no issuer, or no key for tokens")
                : new(issuer, keys);
        }
        catch (Exception exception) when (exception is JsonException or ArgumentException or KeyNotFoundException
            or InvalidOperationException)
        {
            throw new FormatException($"the API server's keys for tokens can't be read: {exception.Message}", exception);
        }
    }
}
