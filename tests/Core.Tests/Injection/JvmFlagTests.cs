using System.Text.Json.Nodes;
using ModuleController.Core.Injection;

namespace ModuleController.Core.Tests.Injection;

/// <summary>The recommended JVM flags: on request, and each only where it is not set.</summary>
public class JvmFlagTests
{
    private const string Recommended = "-XX:MaxMetaspaceSize=256m -XX:SoftRefLRUPolicyMSPerMB=0 -XX:+ExitOnOutOfMemoryError "
        + "-Dkoupleless.arklet.http.port=1238 -Dsofa.ark.telnet.server.enable=false";

    [Fact]
    public void Without_the_annotation_no_flag_is_appended() =>
        Assert.Null(Container(Pods.Injected(Pods.Base()))["env"]);

    [Fact]
    public void The_flags_are_appended_with_Arklets_port()
    {
        Assert.Equal(Recommended, Options(null));
        var other = Pods.Injected(Pods.Base(null, (InjectionKeys.JvmFlags, "true"), (InjectionKeys.ArkletPort, "1301")));
        Assert.Contains("-Dkoupleless.arklet.http.port=1301", Pods.Variable(Container(other), "JAVA_TOOL_OPTIONS"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("-Xmx1g", $"-Xmx1g {Recommended}")]
    [InlineData("", Recommended)]
    [InlineData("-XX:MaxMetaspaceSize=1g -XX:-ExitOnOutOfMemoryError",
        "-XX:MaxMetaspaceSize=1g -XX:-ExitOnOutOfMemoryError -XX:SoftRefLRUPolicyMSPerMB=0 -Dkoupleless.arklet.http.port=1238 "
        + "-Dsofa.ark.telnet.server.enable=false")]
    [InlineData(Recommended, Recommended)]
    [InlineData("'-Dsofa.ark.telnet.server.enable=true' -DMaxMetaspaceSize",
        "'-Dsofa.ark.telnet.server.enable=true' -DMaxMetaspaceSize -XX:MaxMetaspaceSize=256m -XX:SoftRefLRUPolicyMSPerMB=0 "
        + "-XX:+ExitOnOutOfMemoryError -Dkoupleless.arklet.http.port=1238")]
    public void A_flag_that_is_set_stays(string value, string expected) => Assert.Equal(
        expected,
        Options(new JsonArray(new JsonObject { ["name"] = "A" }, new JsonObject { ["name"] = "JAVA_TOOL_OPTIONS", ["value"] = value })));

    [Fact]
    public void A_flag_of_the_command_line_counts_as_set()
    {
        var pod = Pods.Injected(Pods.Base(
            spec =>
            {
                spec["containers"]![0]!["command"] = new JsonArray("java", "-XX:MaxMetaspaceSize=1g");
                spec["containers"]![0]!["args"] = new JsonArray("-Dsofa.ark.telnet.server.enable=false", "-jar", "base.jar");
                spec["containers"]![0]!["env"] = new JsonArray(
                    new JsonObject { ["name"] = "JDK_JAVA_OPTIONS", ["value"] = "-XX:SoftRefLRUPolicyMSPerMB=100" });
            },
            (InjectionKeys.JvmFlags, "true")));

        Assert.Equal("-XX:+ExitOnOutOfMemoryError -Dkoupleless.arklet.http.port=1238",
            Pods.Variable(Container(pod), "JAVA_TOOL_OPTIONS"));
    }

    [Fact]
    public void A_value_that_is_elsewhere_is_reported_and_stays()
    {
        var fromSecret = new JsonArray(new JsonObject { ["name"] = "JAVA_TOOL_OPTIONS", ["valueFrom"] = new JsonObject() });
        AssertNotAppended(
            container => container["env"] = fromSecret,
            "no JVM flags appended: JAVA_TOOL_OPTIONS of container base comes from another object");
        AssertNotAppended(
            container => container["envFrom"] = new JsonArray(new JsonObject { ["configMapRef"] = new JsonObject { ["name"] = "jvm" } }),
            "no JVM flags appended: envFrom of container base may set JAVA_TOOL_OPTIONS");
    }

    [Fact]
    public void A_port_of_the_base_that_the_agent_does_not_call_is_reported()
    {
        var variable = new JsonObject { ["name"] = "JAVA_TOOL_OPTIONS", ["value"] = "-Dkoupleless.arklet.http.port=1301" };
        var result = Pods.Inject(Pods.Base(spec => spec["containers"]![0]!["env"] = new JsonArray(variable)));

        Assert.True(result.IsInjected);
        Assert.Equal(
            ["container base sets koupleless.arklet.http.port=1301, and the agent calls port 1238: set annotation "
                + "koupleless.io/arklet-port to \"1301\""],
            result.Problems);
        Pods.Injected(Pods.Base(
            spec => spec["containers"]![0]!["env"] = new JsonArray(variable.DeepClone()), (InjectionKeys.ArkletPort, "1301")));
    }

    private static void AssertNotAppended(Action<JsonObject> change, string problem)
    {
        var pod = Pods.Base(spec => change(spec["containers"]![0]!.AsObject()), (InjectionKeys.JvmFlags, "true"));
        var result = Pods.Inject(pod);

        Assert.True(result.IsInjected);
        Assert.Equal([problem], result.Problems);
        Assert.True(JsonNode.DeepEquals(Container(pod)["env"], Container(result.Pod)["env"]));
    }

    private static string? Options(JsonArray? env) => Pods.Variable(
        Container(Pods.Injected(Pods.Base(spec => spec["containers"]![0]!["env"] = env, (InjectionKeys.JvmFlags, "true")))),
        "JAVA_TOOL_OPTIONS");

    private static JsonObject Container(JsonObject pod) => pod["spec"]!["containers"]![0]!.AsObject();
}
