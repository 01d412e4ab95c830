using System.IO.Compression;
using System.Text;
using System.Text.Json.Nodes;
using ModuleController.Dev.Kubelet.Runtimes;

namespace ModuleController.SystemTests.RealJvm;

/// <summary>The jar of a real base and the modules for it, as the environment names them, and how a pod runs that jar.</summary>
internal static class RealJvm
{
    public const string HowToTurnOn =
        "Needs a real base: set ARKLET_BASE_JAR to its jar and ARKLET_MODULES to the folder of its modules, with java on PATH.";

    private const string Image = "test/jvm";

    public static bool IsConfigured => BaseJar is { Length: > 0 } && Modules is { Length: > 0 };

    private static string? BaseJar => Environment.GetEnvironmentVariable("ARKLET_BASE_JAR");

    private static string? Modules => Environment.GetEnvironmentVariable("ARKLET_MODULES");

    /// <summary>The image of a JVM is the <c>java</c> of this machine with the jar of the base.</summary>
    public static ProcessRuntime Runtime => new(new([new() { Image = Image, Command = ["java", .. Arguments] }]));

    private static IReadOnlyList<string> Arguments =>
    [
        "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:SoftRefLRUPolicyMSPerMB=0",
        // The web server of a base shares port 8080 with no other, since each pod has an address of its own; Arklet binds all.
        "-Dserver.address=$(DEVCLUSTER_POD_IP)", "-Dserver.port=8080", "-Dkoupleless.arklet.http.port=$(DEVCLUSTER_POD_PORT)",
        "-Dsofa.ark.telnet.server.enable=false", "-Dcom.alipay.sofa.ark.biz.dir=$(ARK_DIR)", "-jar", Path.GetFullPath(BaseJar!),
    ];

    /// <summary>The jar of a sample module: <c>orders</c> 1.0.0 is <c>orders-1.0.0.jar</c>.</summary>
    public static string Jar(string name, string version) => new Uri(PathOf(name, version)).AbsoluteUri;

    /// <summary>A copy of a sample jar that calls itself another version, in its manifest and in what it answers.</summary>
    public static string Renumbered(string name, string from, string to, string folder)
    {
        var copy = Path.Combine(folder, $"{name}-{to}-from-{from}.jar");
        File.Copy(PathOf(name, from), copy);
        using var jar = ZipFile.Open(copy, ZipArchiveMode.Update);
        Rewrite(jar, "META-INF/MANIFEST.MF", $"Ark-Biz-Version: {from}", $"Ark-Biz-Version: {to}");
        Rewrite(jar, "application.properties", $"biz.version={from}", $"biz.version={to}");
        return new Uri(copy).AbsoluteUri;
    }

    /// <summary>Makes the pods of a base Deployment run the JVM. Each has its own web address and its own Arklet port.</summary>
    public static void Run(JsonObject template)
    {
        var port = template["spec"]!["initContainers"]![0]!["env"]!.AsArray()
            .Single(variable => (string?)variable!["name"] == "ARKLET_PORT")!;
        port["value"] = "$(DEVCLUSTER_POD_PORT)";
        RunPlain(template);
    }

    /// <summary>The same without an agent.</summary>
    public static void RunPlain(JsonObject template)
    {
        var spec = template["spec"]!;
        var container = spec["containers"]![0]!;
        container["image"] = Image;
        container["env"] = new JsonArray(new JsonObject { ["name"] = "ARK_DIR", ["value"] = "/var/lib/ark" });
        container["readinessProbe"]!["timeoutSeconds"] = 5;
        Add(container, "volumeMounts", new() { ["name"] = "ark", ["mountPath"] = "/var/lib/ark" });
        Add(spec, "volumes", new() { ["name"] = "ark", ["emptyDir"] = new JsonObject() });
    }

    private static void Add(JsonNode to, string list, JsonObject item)
    {
        to[list] ??= new JsonArray();
        to[list]!.AsArray().Add(item);
    }

    private static string PathOf(string name, string version) =>
        Path.GetFullPath(Path.Combine(Modules ?? throw new InvalidOperationException(HowToTurnOn), $"{name}-{version}.jar"));

    private static void Rewrite(ZipArchive jar, string path, string from, string to)
    {
        var entry = jar.GetEntry(path) ?? throw new InvalidDataException($"{path} is missing");
        string text;
        using (var reader = new StreamReader(entry.Open())) text = reader.ReadToEnd();
        if (!text.Contains(from, StringComparison.Ordinal)) throw new InvalidDataException($"{path} has no line \"{from}\"");
        entry.Delete();
        using var writer = new StreamWriter(jar.CreateEntry(path).Open(), new UTF8Encoding(false));
        writer.Write(text.Replace(from, to, StringComparison.Ordinal));
    }
}
