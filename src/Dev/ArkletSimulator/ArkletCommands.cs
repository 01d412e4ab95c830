using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace ModuleController.Dev.ArkletSimulator;

/// <summary>The commands of Arklet 2.1.6 on SOFAArk 3.1.7: their input, and the envelope around their answers.</summary>
internal sealed class ArkletCommands(SimulatedBaseOptions options, BizContainer container, EventLog log, BaseHealth health)
{
    private static readonly JsonSerializerOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private static readonly (string Id, string Description)[] Catalogue =
    [
        ("health", "get all health info"), ("queryAllBiz", "query all ark biz(including master biz)"),
        ("help", "list all supported commands"), ("uninstallBiz", "uninstall one ark biz"),
        ("switchBiz", "switch one ark biz"), ("installBiz", "install one ark biz"), ("queryBizOps", "query ark biz ops"),
    ];

    // The biz with an unfinished command, by the *request's* name and version. A second command does not wait for it.
    private readonly Dictionary<string, string> _unfinished = [];

    /// <param name="input">Null: the body was empty, or <c>null</c>.</param>
    public async Task<string> RunAsync(string command, JsonObject? input, CancellationToken life)
    {
        try
        {
            return (command switch
            {
                "help" => Success(new JsonArray([.. Catalogue.Select(c => new JsonObject { ["desc"] = c.Description, ["id"] = c.Id })])),
                "queryAllBiz" => Success(new JsonArray([.. container.Read(Listed)])),
                "health" => health.Answer(input),
                "installBiz" => await InstallAsync(input ?? throw JavaException.NoInput("InstallBizHandler$Input.isAsync()"), life),
                "uninstallBiz" => await UninstallAsync(
                    input ?? throw JavaException.NoInput("UninstallBizHandler$Input.getBizName()"), life),
                "switchBiz" => await SwitchAsync(input ?? throw JavaException.NoInput("SwitchBizHandler$Input.getBizName()")),
                "queryBizOps" => Text(input, "requestId") is null
                    ? throw JavaException.Validation("requestId is blank")
                    : Failed("Not found the corresponding ops record."),
                _ => new JsonObject { ["code"] = "CMD_NOT_FOUND", ["message"] = "please follow the doc" },
            }).ToJsonString(Plain);
        }
        catch (JavaException e)
        {
            return new JsonObject
            {
                ["code"] = "CMD_PROCESS_INTERNAL_ERROR",
                ["errorStackTrace"] = e.JavaStackTrace,
                ["message"] = "Internal Error: " + e.Message,
            }.ToJsonString(Plain);
        }
    }

    public static JsonObject Success(JsonNode data) => new() { ["code"] = "SUCCESS", ["data"] = data };

    public static JsonObject Failed(string message) => new() { ["code"] = "FAILED", ["message"] = message };

    public static string? Text(JsonObject? input, string field) =>
        input?[field] is JsonValue value && value.GetValueKind() is JsonValueKind.String or JsonValueKind.Number
            && value.ToString() is { } text && !string.IsNullOrWhiteSpace(text) ? text : null;

    private async Task<JsonObject> InstallAsync(JsonObject input, CancellationToken life)
    {
        var (name, version) = (Text(input, "bizName"), Text(input, "bizVersion"));
        if (input["args"] is JsonValue || input["envs"] is JsonValue) throw JavaException.NoInput("InstallBizHandler$Input.isAsync()");
        if (Text(input, "bizUrl") is not { } url) throw JavaException.Validation("bizUrl should not be blank");
        if (name is null != version is null)
            throw JavaException.Validation("bizName and bizVersion should be both blank or both not blank.");
        RefuseAsync(input);
        return await LockedAsync("installBiz", name, version, async () =>
        {
            if (Text(input, "installStrategy") == "uninstallThenInstall" && name is not null)
                foreach (var old in container.Read(b => (b.Name, b.Version)).Where(b => b.Name == name))
                    await container.UninstallAsync(old.Name, old.Version, life);
            var manifest = Fetch(url);
            var stamp = options.Time.GetUtcNow().ToString("yyyyMMddHHmmssfff", null);
            return await container.InstallAsync(manifest, $"{options.WorkDirectory}/{name}-{version}-{stamp}-unpack", life);
        });
    }

    private async Task<JsonObject> UninstallAsync(JsonObject input, CancellationToken life)
    {
        var (name, version) = Identity(input);
        return await LockedAsync("uninstallBiz", name, version, () => container.UninstallAsync(name, version, life));
    }

    private async Task<JsonObject> SwitchAsync(JsonObject input)
    {
        var (name, version) = Identity(input);
        return await LockedAsync("switchBiz", name, version, () => Task.FromResult(container.Switch(name, version)));
    }

    private async Task<JsonObject> LockedAsync(string command, string? name, string? version, Func<Task<ContainerAnswer>> run)
    {
        var key = $"{name ?? "null"}:{version ?? "null"}";
        lock (_unfinished)
            if (!_unfinished.TryAdd(key, command))
                return Failed($"FAILED:{key} {command} conflict, exist unfinished command({_unfinished[key]}) for this biz");
        log.Begin();
        try
        {
            return Envelope(await run(), $"{command[..^3]} biz not success!");
        }
        finally
        {
            log.End();
            lock (_unfinished) _unfinished.Remove(key);
        }
    }

    private static (string Name, string Version) Identity(JsonObject input)
    {
        var name = Text(input, "bizName") ?? throw JavaException.Validation("bizName should not be blank");
        var version = Text(input, "bizVersion") ?? throw JavaException.Validation("bizVersion should not be blank");
        RefuseAsync(input);
        return (name, version);
    }

    private static void RefuseAsync(JsonObject input)
    {
        if (input["async"]?.GetValueKind() != JsonValueKind.True) return;
        throw JavaException.Validation(
            Text(input, "requestId") is null ? "requestId should not be blank when async is true" : "async is not simulated");
    }

    private static BizManifest Fetch(string url)
    {
        if (!Uri.TryCreate(url, UriKind.Absolute, out var uri) || !url.Contains(':', StringComparison.Ordinal))
            throw JavaException.Thrown("java.net.MalformedURLException: no protocol: " + url);
        if (!uri.IsFile) throw JavaException.Thrown("java.io.IOException: only file: URLs are simulated: " + url);
        try
        {
            if (File.Exists(uri.LocalPath) && new FileInfo(uri.LocalPath).Length == 0)
                throw JavaException.Thrown("java.util.zip.ZipException: zip file is empty");
            var manifest = BizManifest.Read(uri.LocalPath);
            if (manifest.Name is null) throw JavaException.Thrown("java.lang.IllegalArgumentException: Biz Name must not be empty!");
            return manifest;
        }
        catch (InvalidDataException)
        {
            throw JavaException.Thrown("java.util.zip.ZipException: zip END header not found");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Directory.Exists(uri.LocalPath)
                ? JavaException.Thrown("java.util.zip.ZipException: zip END header not found")
                : JavaException.Thrown($"java.io.FileNotFoundException: {uri.LocalPath} (No such file or directory)");
        }
    }

    private JsonObject Envelope(ContainerAnswer answer, string failure)
    {
        var data = new JsonObject();
        if (answer.Biz is { } biz) data["bizInfos"] = new JsonArray(container.Read(b => b).Contains(biz) ? Installed(biz) : null);
        data["code"] = answer.Code;
        if (answer.ElapsedSpace is { } space) data["elapsedSpace"] = space;
        data["message"] = answer.Message;
        return answer.Code == "SUCCESS" ? Success(data) : new() { ["code"] = "FAILED", ["data"] = data, ["message"] = failure };
    }

    private static JsonObject Installed(SimulatedBiz biz)
    {
        var info = new JsonObject { ["attributes"] = new JsonObject() };
        Describe(info, biz);
        info["bizTempWorkDir"] = biz.Directory;
        info["bizUrl"] = $"file:{biz.Directory}/";
        info["classPath"] = new JsonArray($"file:{biz.Directory}/", $"file:{biz.Directory}/lib");
        info["declaredMode"] = biz.Behavior.IsPlain != true;
        foreach (var empty in (string[])["denyImportClasses", "denyImportPackages", "denyImportResources", "injectExportPackages",
            "injectPluginDependencies"])
            info[empty] = new JsonArray();
        info["identity"] = biz.Identity;
        info["priority"] = biz.Manifest.Priority;
        return info;
    }

    private static JsonNode Listed(SimulatedBiz biz)
    {
        var entry = new JsonObject();
        Describe(entry, biz);
        return entry;
    }

    private static void Describe(JsonObject entry, SimulatedBiz biz)
    {
        entry["bizName"] = biz.Name;
        entry["bizState"] = biz.State;
        entry["bizStateRecords"] = new JsonArray([.. Enumerable.Range(0, biz.StateRecords).Select(_ => new JsonObject())]);
        entry["bizVersion"] = biz.Version;
        entry["mainClass"] = biz.Manifest.MainClass;
        entry["webContextPath"] = biz.Manifest.WebContextPath ?? "/";
    }
}
