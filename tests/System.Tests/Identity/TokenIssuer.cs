using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using ModuleController.Tests.Tokens;

namespace ModuleController.SystemTests.Identity;

/// <summary>An API server's part in tokens, without the server: its keys, its documents, and its failures.</summary>
internal sealed class TokenIssuer(TimeProvider time) : IDisposable
{
    private readonly Dictionary<string, RSA> _keys = [];
    private readonly List<ECDsa> _curves = [];
    private readonly List<JsonNode> _published = [];
    private int _reads;

    public string Issuer { get; set; } = "https://kubernetes.default.svc";

    /// <summary>Runs before a document is read; it may throw or wait.</summary>
    public Func<CancellationToken, Task> BeforeRead { get; set; } = _ => Task.CompletedTask;

    /// <summary>How often the keys were asked for.</summary>
    public int Reads => Volatile.Read(ref _reads);

    public void Add(string id)
    {
        var key = RSA.Create(2048);
        var parameters = key.ExportParameters(includePrivateParameters: false);
        _keys[id] = key;
        _published.Add(new JsonObject
        {
            ["use"] = "sig",
            ["kty"] = "RSA",
            ["kid"] = id,
            ["alg"] = "RS256",
            ["n"] = Base64Url.EncodeToString(parameters.Modulus),
            ["e"] = Base64Url.EncodeToString(parameters.Exponent),
        });
    }

    /// <summary>An elliptic curve, and a way to sign with it.</summary>
    public Func<byte[], byte[]> AddCurve(string id)
    {
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        _curves.Add(key);
        var point = key.ExportParameters(includePrivateParameters: false).Q;
        _published.Add(new JsonObject
        {
            ["use"] = "sig",
            ["kty"] = "EC",
            ["kid"] = id,
            ["alg"] = "ES256",
            ["crv"] = "P-256",
            ["x"] = Base64Url.EncodeToString(point.X),
            ["y"] = Base64Url.EncodeToString(point.Y),
        });
        return data => key.SignData(data, HashAlgorithmName.SHA256);
    }

    public void AddSymmetric(string id, byte[] secret) =>
        _published.Add(new JsonObject { ["kty"] = "oct", ["kid"] = id, ["k"] = Base64Url.EncodeToString(secret) });

    /// <summary>No longer publishes it.</summary>
    public void Remove(string id) => _published.RemoveAll(key => key["kid"]!.GetValue<string>() == id);

    public async Task<string> ReadAsync(string path, CancellationToken cancellation)
    {
        if (path == TokenRig.Keys) Interlocked.Increment(ref _reads);
        await BeforeRead(cancellation);
        return path == TokenRig.Keys
            ? new JsonObject { ["keys"] = new JsonArray([.. _published.Select(key => key.DeepClone())]) }.ToJsonString()
            : new JsonObject { ["issuer"] = Issuer }.ToJsonString();
    }

    /// <summary>The claims of a token of a pod, without a signature.</summary>
    public Jwt Claims(string keyId, string algorithm = "RS256")
    {
        var now = time.GetUtcNow().ToUnixTimeSeconds();
        return new(new() { ["alg"] = algorithm, ["kid"] = keyId }, new()
        {
            ["aud"] = new JsonArray("modulecontroller"),
            ["exp"] = now + 3600,
            ["iss"] = Issuer,
            ["kubernetes.io"] = new JsonObject
            {
                ["namespace"] = "default",
                ["pod"] = new JsonObject { ["name"] = "base-0", ["uid"] = "uid-0" },
            },
            ["nbf"] = now,
        });
    }

    public string Issue(string keyId) => Sign(keyId, Claims(keyId));

    public string Sign(string keyId, Jwt token) => token.Sign(data => TokenRig.SignWith(_keys[keyId], data));

    public void Dispose()
    {
        foreach (var key in _keys.Values) key.Dispose();
        foreach (var key in _curves) key.Dispose();
    }
}
