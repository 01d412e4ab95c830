using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace ModuleController.Tests;

/// <summary>
/// The loggers of a test. Disposing it fails the test where an Error was logged that nobody allowed; everything goes to
/// the test's output.
/// </summary>
public sealed class LogGuard : ILoggerFactory, ILoggerProvider
{
    private readonly ITestOutputHelper? _output = TestContext.Current.TestOutputHelper;
    private readonly ConcurrentQueue<LogLine> _lines = new();
    private readonly ConcurrentBag<string> _allowed = [];
    private volatile bool _isDisposed;

    public IReadOnlyCollection<LogLine> Lines => [.. _lines];

    /// <summary>Errors whose line contains this are expected.</summary>
    public LogGuard Allow(string fragment)
    {
        _allowed.Add(fragment);
        return this;
    }

    /// <summary>What the log says that a user may not do.</summary>
    public string[] Denied(string user) =>
        [.. _lines.Select(line => line.ToString())
            .Where(line => line.Contains($"forbidden: User \"{user}\" cannot", StringComparison.Ordinal))];

    public ILogger CreateLogger(string categoryName) => new GuardedLogger(this, categoryName);

    public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException("the guard keeps the log itself");

    public void Dispose()
    {
        if (_isDisposed) return;
        _isDisposed = true;
        var unexpected = _lines
            .Where(line => line.Level >= LogLevel.Error
                && !_allowed.Any(allowed => line.ToString().Contains(allowed, StringComparison.Ordinal)))
            .ToArray();
        if (unexpected.Length > 0) Assert.Fail(
            $"unexpected errors in the log:\n{string.Join('\n', unexpected.Select(line => line.ToString()))}");
    }

    private void Write(LogLine line)
    {
        _lines.Enqueue(line);
        try
        {
            if (!_isDisposed) _output?.WriteLine(line.ToString());
        }
        catch (InvalidOperationException)
        {
            // The test has ended; its output takes no more.
        }
    }

    public sealed record LogLine(LogLevel Level, string Category, string Message, Exception? Exception)
    {
        public override string ToString() =>
            $"{Level} {Category[(Category.LastIndexOf('.') + 1)..]}: {Message}{(Exception is null ? "" : $"\n{Exception}")}";
    }

    private sealed class GuardedLogger(LogGuard guard, string category) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Debug;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel)) guard.Write(new(logLevel, category, formatter(state, exception), exception));
        }
    }
}
