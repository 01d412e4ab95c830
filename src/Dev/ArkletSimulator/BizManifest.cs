using System.IO.Compression;
using System.Text;

namespace ModuleController.Dev.ArkletSimulator;

/// <summary>The main attributes of a jar's manifest, as the container reads them: they decide who a biz is.</summary>
public sealed class BizManifest
{
    private const string Entry = "META-INF/MANIFEST.MF";
    private readonly Dictionary<string, string> _attributes;

    private BizManifest(Dictionary<string, string> attributes) => _attributes = attributes;

    public string? Name => this["Ark-Biz-Name"];

    public string? Version => this["Ark-Biz-Version"];

    /// <summary>As in the manifest, without slashes; null: no web module.</summary>
    public string? WebContextPath => this["web-context-path"]?.Trim('/') is { Length: > 0 } path ? path : null;

    public string MainClass => this["Start-Class"] ?? this["Main-Class"] ?? "";

    public int Priority => int.TryParse(this["priority"], out var priority) ? priority : 100;

    public string? this[string attribute] => _attributes.GetValueOrDefault(attribute)?.Trim() is { Length: > 0 } value ? value : null;

    /// <summary>Throws <see cref="FileNotFoundException"/> or <see cref="InvalidDataException"/> as the JVM would its own.</summary>
    public static BizManifest Read(string jar)
    {
        using var archive = ZipFile.OpenRead(jar);
        if (archive.GetEntry(Entry) is not { } entry) return new([]);
        using var reader = new StreamReader(entry.Open(), Encoding.UTF8);
        return new(Parse(reader));
    }

    /// <summary>Attributes end at the first empty line; a line that begins with a space continues the one before.</summary>
    private static Dictionary<string, string> Parse(TextReader reader)
    {
        var attributes = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        string? name = null;
        while (reader.ReadLine() is { Length: > 0 } line)
        {
            if (line[0] == ' ' && name is not null)
                attributes[name] += line[1..];
            else if (line.Split(": ", 2) is [var key, var value])
                attributes[name = key] = value;
        }

        return attributes;
    }
}
