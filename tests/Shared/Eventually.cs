using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace ModuleController.Tests;

/// <summary>Waits, in real time and with a deadline, for something that other threads or processes bring about.</summary>
public static class Eventually
{
    /// <summary>Only against hanging: a wait that succeeds costs nothing, and a busy machine may stop anybody for seconds.</summary>
    public static TimeSpan Deadline { get; } = TimeSpan.FromSeconds(90);

    /// <summary>Until the condition holds; at the deadline it fails with what it waited for and the dump.</summary>
    public static Task True(
        Func<bool> condition,
        Func<string>? dump = null,
        TimeSpan? within = null,
        [CallerArgumentExpression(nameof(condition))] string what = "") =>
        True(() => Task.FromResult(condition()), dump is null ? null : () => Task.FromResult(dump()), within, what);

    public static async Task True(
        Func<Task<bool>> condition,
        Func<Task<string>>? dump = null,
        TimeSpan? within = null,
        [CallerArgumentExpression(nameof(condition))] string what = "")
    {
        var cancellation = TestContext.Current.CancellationToken;
        var limit = within ?? Deadline;
        var started = Stopwatch.StartNew();
        var pause = TimeSpan.FromMilliseconds(2);
        var last = default(Exception);
        while (true)
        {
            try
            {
                if (await condition()) return;
                last = null;
            }
            catch (Exception exception) when (exception is not Xunit.Sdk.IAssertionException || started.Elapsed < limit)
            {
                last = exception;   // not there yet is often an exception: the deadline decides
            }

            if (started.Elapsed >= limit) break;
            await Task.Delay(pause, TimeProvider.System, cancellation);
            if (pause < TimeSpan.FromMilliseconds(50)) pause *= 1.5;
        }

        var state = dump is null ? "" : $"{Environment.NewLine}{await dump()}";
        Assert.Fail($"not within {limit}: {what}{(last is null ? "" : $"{Environment.NewLine}last: {last}")}{state}");
    }

    /// <summary>Until the probe finds something.</summary>
    public static async Task<T> Some<T>(
        Func<Task<T?>> probe,
        Func<Task<string>>? dump = null,
        TimeSpan? within = null,
        [CallerArgumentExpression(nameof(probe))] string what = "")
        where T : class
    {
        var found = default(T);
        await True(async () => (found = await probe()) is not null, dump, within, what);
        return found!;
    }

    public static Task<T> Some<T>(
        Func<T?> probe,
        Func<string>? dump = null,
        TimeSpan? within = null,
        [CallerArgumentExpression(nameof(probe))] string what = "")
        where T : class =>
        Some(() => Task.FromResult(probe()), dump is null ? null : () => Task.FromResult(dump()), within, what);

    /// <summary>Fails at the deadline instead of hanging; for tasks that must end.</summary>
    public static async Task Ends(Task task, TimeSpan? within = null, [CallerArgumentExpression(nameof(task))] string what = "")
    {
        try
        {
            await task.WaitAsync(within ?? Deadline, TimeProvider.System, TestContext.Current.CancellationToken);
        }
        catch (TimeoutException) when (!task.IsCompleted)
        {
            Assert.Fail($"did not end within {within ?? Deadline}: {what}");
        }
    }
}
