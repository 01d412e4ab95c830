namespace ModuleController.Dev.ArkletSimulator;

/// <summary>An exception of a command inside the JVM. It becomes <c>CMD_PROCESS_INTERNAL_ERROR</c> with a stack trace.</summary>
internal sealed class JavaException : Exception
{
    private const string At =
        "\n\tat com.alipay.sofa.koupleless.arklet.core.command.CommandServiceImpl.process(CommandServiceImpl.java:176)" +
        "\n\tat io.netty.channel.SimpleChannelInboundHandler.channelRead(SimpleChannelInboundHandler.java:99)";

    private const string Package = "com.alipay.sofa.koupleless.arklet.core.common.exception.";

    private JavaException(string message, string stackTrace) : base(message) => JavaStackTrace = stackTrace;

    public string JavaStackTrace { get; }

    /// <summary>The container's exception and its causes, the root cause last.</summary>
    public static JavaException Thrown(params string[] causes) => new(
        causes[0],
        $"{Package}ArkletRuntimeException: {causes[0]}{At}"
            + string.Concat(causes.Select(c => $"\nCaused by: {c}{At}\n\t... 35 more")) + "\n");

    /// <summary>A biz whose start failed.</summary>
    public static JavaException StartFailed(params string[] causes) =>
        Thrown(["java.lang.reflect.InvocationTargetException", .. causes]);

    /// <summary>Input that Arklet's own handler rejected. Its stack trace names no cause.</summary>
    public static JavaException Validation(string message) => new(message, $"{Package}CommandValidationException: {message}{At}\n");

    /// <summary>An empty body, or a field of the wrong type; <paramref name="read"/> was read first.</summary>
    public static JavaException NoInput(string read)
    {
        var message = $"Cannot invoke \"com.alipay.sofa.koupleless.arklet.core.command.builtin.handler.{read}\" because \"input\" is null";
        return new(message, $"java.lang.NullPointerException: {message}{At}\n");
    }
}
