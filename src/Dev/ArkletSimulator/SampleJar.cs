using System.IO.Compression;
using System.Text;

namespace ModuleController.Dev.ArkletSimulator;

/// <summary>Writes the smallest jar that the simulator accepts as a biz: a manifest and the container's mark.</summary>
public static class SampleJar
{
    /// <param name="webContextPath">Null: a module without web.</param>
    /// <param name="attributes">Further attributes of the manifest, for example those of <see cref="BizBehavior"/>.</param>
    public static void Write(
        string path, string name, string version, string? webContextPath = null, IReadOnlyDictionary<string, string>? attributes = null)
    {
        using var file = File.Create(path);
        using var archive = new ZipArchive(file, ZipArchiveMode.Create);
        using (var manifest = archive.CreateEntry("META-INF/MANIFEST.MF").Open())
            manifest.Write(Encoding.UTF8.GetBytes(Manifest(name, version, webContextPath, attributes ?? new Dictionary<string, string>())));
        archive.CreateEntry("com/alipay/sofa/ark/biz/mark");
    }

    private static string Manifest(string name, string version, string? webContextPath, IReadOnlyDictionary<string, string> attributes)
    {
        var text = new StringBuilder();
        Append("Manifest-Version", "1.0");
        Append("Main-Class", "sample.biz.BizApplication");
        Append("Start-Class", "sample.biz.BizApplication");
        Append("Ark-Biz-Name", name);
        Append("Ark-Biz-Version", version);
        Append("priority", "100");
        if (webContextPath is not null) Append("web-context-path", webContextPath);
        foreach (var (key, value) in attributes) Append(key, value);
        return text.Append("\r\n").ToString();

        // A line has at most 72 bytes, including the indentation.
        void Append(string key, string value) =>
            text.AppendJoin("\r\n ", $"{key}: {value}".Chunk(60).Select(c => new string(c))).Append("\r\n");
    }
}
