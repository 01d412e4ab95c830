using System.Security.Cryptography;

namespace ModuleController.SystemTests.Harness;

/// <summary>Digests of files as manifests have them.</summary>
internal static class Digests
{
    public static string Sha256(string file) => Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(file)));

    public static string Sha256Of(string url) => Sha256(new Uri(url).LocalPath);
}
