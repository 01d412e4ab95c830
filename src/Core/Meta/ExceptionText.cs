namespace ModuleController.Core.Meta;

/// <summary>What an exception means, for a log or a person.</summary>
public static class ExceptionText
{
    // The message of .NET that only refers to the inner exception.
    private static readonly string[] SayNothing = ["An error occurred while sending the request.",
        "Error while copying content to a stream."];

    /// <summary>Its message. Where that only refers to an inner exception, what the inner one says is added.</summary>
    public static string Of(Exception exception)
    {
        const string Reference = ", see inner exception.";
        var message = exception.Message;
        if (exception.InnerException is not { } inner) return message;
        if (SayNothing.Contains(message)) return $"{message.TrimEnd('.')}: {Of(inner)}";
        return message.Contains("inner exception", StringComparison.OrdinalIgnoreCase)
            ? $"{message.Replace(Reference, "", StringComparison.OrdinalIgnoreCase)}: {Of(inner)}"
            : message;
    }
}
