using System.Text.Json.Nodes;

namespace ModuleController.Dev.ArkletSimulator;

/// <summary>The <c>health</c> command with all its sections. Heap and processor are constants.</summary>
internal sealed class BaseHealth(SimulatedBaseOptions options, BizContainer container, long startedAt)
{
    public JsonObject Answer(JsonObject? input)
    {
        var type = ArkletCommands.Text(input, "type");
        if (type is not (null or "system" or "biz" or "plugin")) throw JavaException.Validation($"type: {type} can not be found");
        var metrics = input?["metrics"] is JsonArray list ? list.Select(m => m?.ToString()).ToArray() : ["jvm", "cpu"];
        if (metrics.Any(m => m is not ("jvm" or "cpu"))) return ArkletCommands.Failed("indicator not registered");

        var data = new JsonObject();
        if (type is null or "system")
        {
            if (metrics.Contains("jvm")) data["jvm"] = Jvm();
            if (metrics.Contains("cpu")) data["cpu"] = Cpu();
        }

        if (type is null) data["masterBizInfo"] = Entry(options.BaseName, "1.0.0", "activated", "/");
        if (type is null or "plugin") data["pluginListInfo"] = Plugins();
        if (type is null or "biz" && AddBiz(data, input) is { } problem) return problem;
        return ArkletCommands.Success(new JsonObject { ["healthData"] = data });
    }

    private JsonObject? AddBiz(JsonObject data, JsonObject? input)
    {
        var (name, version) = (ArkletCommands.Text(input, "bizName"), ArkletCommands.Text(input, "bizVersion"));
        var all = container.Read(b => (b.Name, b.Version, Entry: Entry(b.Name, b.Version, b.State, b.Manifest.WebContextPath ?? "/")))
            .Append((Name: options.BaseName, Version: "1.0.0", Entry: Entry(options.BaseName, "1.0.0", "activated", "/")));
        var found = all.Where(b => (name is null || b.Name == name) && (version is null || b.Version == version))
            .Select(b => b.Entry).ToArray();
        if (found is []) return ArkletCommands.Failed(version is null ? $"can not find biz: {name}" : "can not find biz");
        if (name is not null && version is not null) data["bizInfo"] = found[0];
        else data["bizListInfo"] = new JsonArray([.. found]);
        return null;
    }

    private JsonObject Jvm()
    {
        var (used, committed, max) = container.Metaspace;
        return new()
        {
            ["max non heap memory(M)"] = -1d / (1024 * 1024),
            ["java version"] = "17.0.15",
            ["java home"] = "/opt/jdk",
            ["total memory(M)"] = 247.5,
            ["max memory(M)"] = 247.5,
            ["free memory(M)"] = 181.5,
            ["run time(s)"] = Math.Round(options.Time.GetElapsedTime(startedAt).TotalSeconds, 3),
            ["init heap memory(M)"] = 256.0,
            ["used heap memory(M)"] = 66.0,
            ["committed heap memory(M)"] = 247.5,
            ["max heap memory(M)"] = 247.5,
            ["java used metaspace"] = used,
            ["java committed metaspace"] = committed,
            ["java max metaspace"] = max,
        };
    }

    private static JsonObject Cpu() => new()
    {
        ["count"] = Environment.ProcessorCount,
        ["type"] = "simulated",
        ["total used (%)"] = 6400.0,
        ["user used (%)"] = 10.5,
        ["system used (%)"] = 5.3,
        ["free (%)"] = 84.2,
    };

    private static JsonArray Plugins() =>
    [
        new JsonObject
        {
            ["artifactId"] = "web-ark-plugin",
            ["groupId"] = "com.alipay.sofa",
            ["pluginActivator"] = "com.alipay.sofa.ark.web.embed.WebPluginActivator",
            ["pluginName"] = "web-ark-plugin",
            ["pluginUrl"] = "file:/app/lib/web-ark-plugin-2.2.14.jar!/",
            ["pluginVersion"] = "2.2.14",
        },
    ];

    private static JsonObject Entry(string name, string version, string state, string path) =>
        new() { ["bizName"] = name, ["bizState"] = state, ["bizVersion"] = version, ["webContextPath"] = path };
}
