namespace ModuleController.Kube.Client;

/// <summary>What an exception means, for a log or a person.</summary>
public static class ExceptionText
{
    /// <summary>Its message. Where that only refers to an inner exception, what the inner one says is added.</summary>
    public static string Of(Exception exception)
    {
        const string Reference = ", see inner exception.";
        var message = exception.Message;
        if (exception.InnerException is not { } inner || !message.Contains("inner exception", StringComparison.OrdinalIgnoreCase)) return message;
        return $"{message.Replace(Reference, "", StringComparison.OrdinalIgnoreCase)}: {Of(inner)}";
    }
}
