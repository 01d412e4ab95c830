using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace ModuleController.ControlPlane.Certificates;

/// <summary>Text with PEM blocks. Whatever is around them is skipped.</summary>
internal static class PemText
{
    // A Secret may have 1 MB: no more of them are looked at.
    private const int MaxBlocks = 16;

    public static bool IsCertificate(string label) => label == "CERTIFICATE";

    public static bool IsPrivateKey(string label) => label is "PRIVATE KEY" or "EC PRIVATE KEY" or "RSA PRIVATE KEY";

    /// <summary>At most 16 blocks of a kind, each as it is encoded anew, so that equal ones have equal texts.</summary>
    public static IReadOnlyList<string> Blocks(string text, Func<string, bool> isOfKind)
    {
        var blocks = new List<string>();
        var rest = text.AsSpan();
        while (blocks.Count < MaxBlocks && PemEncoding.TryFind(rest, out var fields))
        {
            var label = rest[fields.Label].ToString();
            if (isOfKind(label))
            {
                var data = new byte[fields.DecodedDataLength];
                if (Convert.TryFromBase64Chars(rest[fields.Base64Data], data, out var length))
                    blocks.Add(PemEncoding.WriteString(label, data.AsSpan(0, length)));
            }

            rest = rest[fields.Location.End..];
        }

        return blocks;
    }

    public static string Join(IEnumerable<string> blocks) => string.Concat(blocks.Select(block => block.TrimEnd() + "\n"));

    public static bool IsReadable(string certificate)
    {
        try
        {
            using var read = X509Certificate2.CreateFromPem(certificate);
            return true;
        }
        catch (CryptographicException)
        {
            return false;
        }
    }
}
