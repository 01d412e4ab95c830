using System.Text.Json;

namespace ModuleController.Agent.Arklet;

/// <summary>The bodies of requests, written from typed values only.</summary>
internal static class ArkletRequests
{
    public static byte[] Empty { get; } = "{}"u8.ToArray();

    /// <summary>Only the figures of the JVM: sampling the processor takes time.</summary>
    public static byte[] JvmHealth { get; } = """{"type":"system","metrics":["jvm"]}"""u8.ToArray();

    public static byte[] Biz(string name, string version, Uri? jar = null)
    {
        var body = new MemoryStream();
        using (var writer = new Utf8JsonWriter(body))
        {
            writer.WriteStartObject();
            writer.WriteString("bizName", name);
            writer.WriteString("bizVersion", version);
            if (jar is not null) writer.WriteString("bizUrl", jar.AbsoluteUri);
            writer.WriteEndObject();
        }

        return body.ToArray();
    }
}
