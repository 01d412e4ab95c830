using System.Text.Json;

namespace ModuleController.Agent.Arklet;

/// <summary>The bodies of the commands, written from typed values alone: nothing of a client's is passed through.</summary>
internal static class ArkletRequests
{
    public static byte[] Empty { get; } = "{}"u8.ToArray();

    /// <summary>Only the JVM's figures: no biz, no plugins, and no sampling of the processor, which takes time.</summary>
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
