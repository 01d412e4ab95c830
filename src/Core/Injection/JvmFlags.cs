using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace ModuleController.Core.Injection;

/// <summary>The recommended flags of a base's JVM, in <c>JAVA_TOOL_OPTIONS</c>.</summary>
internal static partial class JvmFlags
{
    private const string Variable = "JAVA_TOOL_OPTIONS";
    private const string PortProperty = "koupleless.arklet.http.port";

    /// <summary>Environment variables that a JVM or common start scripts read.</summary>
    private static readonly string[] Variables = [Variable, "JDK_JAVA_OPTIONS", "JAVA_OPTS", "JAVA_OPTIONS"];

    /// <summary>Appends each recommended flag that is not set. A problem says why that was not possible.</summary>
    public static string? Append(JsonObject container, int arkletPort)
    {
        var existing = container.Items("env").LastOrDefault(variable => variable.Text("name") == Variable);
        if (existing is not null && existing["valueFrom"] is not null)
            return $"no JVM flags appended: {Variable} of container {container.Text("name")} comes from another object";
        if (existing is null && container["envFrom"] is JsonArray { Count: > 0 })
            return $"no JVM flags appended: envFrom of container {container.Text("name")} may set {Variable}";

        var names = Settings(container).Select(setting => setting.Name).ToHashSet();
        var missing = Recommended(arkletPort).Where(flag => !names.Contains(Setting.Of(flag).Name)).ToList();
        if (missing.Count == 0) return null;
        var value = string.Join(' ', [.. Values(existing?.Text("value")), .. missing]);
        if (existing is not null) existing["value"] = value;
        else container.Append("env", new JsonObject { ["name"] = Variable, ["value"] = value });
        return null;
    }

    /// <summary>The value of Arklet's port in the flags of the container; null: it is not visible there.</summary>
    public static string? ArkletPortOf(JsonObject container) =>
        Settings(container).LastOrDefault(setting => setting.Name == PortProperty)?.Value;

    private static IEnumerable<string> Values(string? value) => value?.TrimEnd() is { Length: > 0 } text ? [text] : [];

    private static string[] Recommended(int arkletPort) =>
    [
        // Every module uses Metaspace. With a limit the controller knows how full a base is.
        "-XX:MaxMetaspaceSize=256m",
        // With 0, the next full collection frees the class loaders of uninstalled modules.
        "-XX:SoftRefLRUPolicyMSPerMB=0",
        // Without memory, Arklet's threads end while the web server still answers. A restart is better.
        "-XX:+ExitOnOutOfMemoryError",
        string.Create(CultureInfo.InvariantCulture, $"-D{PortProperty}={arkletPort}"),
        // The default opens an unauthenticated console on all interfaces.
        "-Dsofa.ark.telnet.server.enable=false",
    ];

    /// <summary>In the order of precedence: a JVM reads the environment first and its command line last.</summary>
    private static IEnumerable<Setting> Settings(JsonObject container) => Variables
        .Select(name => container.Items("env").LastOrDefault(variable => variable.Text("name") == name)?.Text("value"))
        .Concat(Words(container, "command")).Concat(Words(container, "args"))
        .SelectMany(text => Flag().Matches(text ?? "")).Select(flag => Setting.Of(flag.Value));

    private static IEnumerable<string?> Words(JsonObject container, string list) =>
        container[list] is JsonArray words ? words.Select(PodJson.TextOf) : [];

    [GeneratedRegex("""(?<![^\s"'])-(XX:|D)[^\s"']+""")]
    private static partial Regex Flag();

    /// <summary><c>-XX:+Name</c> and <c>-XX:-Name</c> set the same flag.</summary>
    private sealed record Setting(string Name, string? Value)
    {
        public static Setting Of(string flag)
        {
            var (name, value) = flag.IndexOf('=', StringComparison.Ordinal) is var equals and >= 0
                ? (flag[..equals], flag[(equals + 1)..])
                : (flag, null);
            return new(name.StartsWith("-D", StringComparison.Ordinal) ? name[2..] : name.Replace(":+", ":").Replace(":-", ":"), value);
        }
    }
}
