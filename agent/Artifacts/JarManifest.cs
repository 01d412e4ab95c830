using System.IO.Compression;
using System.Text;

namespace ModuleController.Agent.Artifacts;

/// <summary>The attributes that the agent needs from META-INF/MANIFEST.MF of a biz jar.</summary>
public sealed record JarManifest(string Name, string Version, string? WebContextPath)
{
    /// <summary>Larger than any build tool writes, and small enough that a zip bomb does no harm.</summary>
    private const int MaxBytes = 1024 * 1024;

    /// <summary>Throws <see cref="InvalidDataException"/> with what is wrong with the jar.</summary>
    public static JarManifest Read(string jar)
    {
        using var zip = ZipFile.OpenRead(jar);
        var entry = zip.GetEntry("META-INF/MANIFEST.MF") ?? throw new InvalidDataException("it has no META-INF/MANIFEST.MF");
        using var stream = entry.Open();
        var bytes = new byte[MaxBytes + 1];
        var length = stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
        if (length > MaxBytes) throw new InvalidDataException("its manifest is larger than 1 MiB");

        var attributes = ParseMainSection(Encoding.UTF8.GetString(bytes, 0, length));
        return new(
            attributes.GetValueOrDefault("Ark-Biz-Name") ?? throw new InvalidDataException("its manifest has no Ark-Biz-Name"),
            attributes.GetValueOrDefault("Ark-Biz-Version") ?? throw new InvalidDataException("its manifest has no Ark-Biz-Version"),
            attributes.GetValueOrDefault("web-context-path"));
    }

    /// <summary>The main section ends at the first empty line; a line that begins with a blank continues the one before.</summary>
    public static IReadOnlyDictionary<string, string> ParseMainSection(string text)
    {
        var attributes = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        string? key = null;
        foreach (var line in text.ReplaceLineEndings("\n").Split('\n'))
        {
            if (line.Length == 0) break;
            if (line[0] == ' ' && key is not null)
            {
                attributes[key] += line[1..];
            }
            else if (line.IndexOf(": ", StringComparison.Ordinal) is var colon and > 0)
            {
                key = line[..colon];
                attributes[key] = line[(colon + 2)..];
            }
        }

        return attributes.ToDictionary(pair => pair.Key, pair => pair.Value.Trim(), StringComparer.OrdinalIgnoreCase);
    }
}
