using System.Globalization;
using Microsoft.Extensions.Logging;
using ModuleController.Core.Meta;

namespace ModuleController.Agent;

/// <summary>
/// Logs one line per event to standard output. The console logger of Microsoft.Extensions.Logging would add dependency injection,
/// configuration and options: 0.8 MB of the executable, in every pod.
/// </summary>
internal sealed class ConsoleLogs(TimeProvider time) : ILoggerFactory
{
    public ILogger CreateLogger(string categoryName) => new ConsoleLog(categoryName, time);

    public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException("the agent logs only to standard output");

    public void Dispose()
    {
        // Standard output stays open.
    }
}

/// <summary>The lines of one category.</summary>
internal sealed class ConsoleLog(string category, TimeProvider time) : ILogger
{
    private static readonly Lock Gate = new();

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Information;

    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (!IsEnabled(logLevel)) return;
        var text = formatter(state, exception);
        if (exception is not null) text += " " + exception;
        var line = string.Create(
            CultureInfo.InvariantCulture,
            $"{time.GetUtcNow():yyyy-MM-ddTHH:mm:ss.fffZ} {LevelText(logLevel)} {category}: {UrlText.In(text.ReplaceLineEndings(" "))}");
        // Lines of concurrent loops must not mix.
        lock (Gate) Console.Out.WriteLine(line);
    }

    private static string LevelText(LogLevel level) => level switch
    {
        LogLevel.Critical or LogLevel.Error => "error",
        LogLevel.Warning => "warn",
        _ => "info",
    };
}
