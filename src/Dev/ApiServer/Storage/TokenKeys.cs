using System.Buffers.Text;
using System.Security.Cryptography;

namespace ModuleController.Dev.ApiServer.Storage;

/// <summary>The keys that sign and verify ServiceAccount tokens. The last one signs.</summary>
public sealed class TokenKeys
{
    private readonly Lock _gate = new();
    private IReadOnlyList<TokenKey> _keys = [];

    /// <summary>The first is created when it is needed.</summary>
    public IReadOnlyList<TokenKey> All
    {
        get
        {
            lock (_gate) return _keys is [] ? _keys = [new()] : _keys;
        }
    }

    /// <summary>Adds a key, which signs from now on. Tokens of the others stay valid.</summary>
    public void Rotate()
    {
        lock (_gate) _keys = [.. _keys, new()];
    }

    /// <summary>Removes all keys but the last. Tokens of the others are no longer valid.</summary>
    public void RemoveOld()
    {
        lock (_gate) _keys = [.. _keys.TakeLast(1)];
    }
}

/// <summary>An RSA key, with the id that a real API server would give it: a hash of the public key.</summary>
public sealed class TokenKey
{
    private readonly RSA _rsa = RSA.Create(2048);

    public TokenKey() => Id = Base64Url.EncodeToString(SHA256.HashData(_rsa.ExportSubjectPublicKeyInfo()));

    public string Id { get; }

    public byte[] Sign(byte[] data)
    {
        lock (_rsa) return _rsa.SignData(data, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
    }

    public bool Verify(byte[] data, byte[] signature)
    {
        lock (_rsa) return _rsa.VerifyData(data, signature, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
    }

    /// <summary>The public key, as an entry of a JSON Web Key Set.</summary>
    public JsonObject ToJson()
    {
        var key = _rsa.ExportParameters(includePrivateParameters: false);
        return new()
        {
            ["use"] = "sig",
            ["kty"] = "RSA",
            ["kid"] = Id,
            ["alg"] = "RS256",
            ["n"] = Base64Url.EncodeToString(key.Modulus),
            ["e"] = Base64Url.EncodeToString(key.Exponent),
        };
    }
}
