using System.CommandLine;
using System.CommandLine.Invocation;

namespace ModuleController.Dev.CommandLine;

/// <summary>Runs a program by its command line.</summary>
internal static class CommandLineProgram
{
    private const int UsageError = 2;

    // Each program ends on signals in its own way, and its exceptions keep their stack.
    private static InvocationConfiguration Default => new() { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null };

    /// <returns>
    /// The exit code of the command, or 2 for an invalid command line. Then the error is printed, with a suggestion if there is one.
    /// </returns>
    public static async Task<int> InvokeAsync(
        RootCommand command, IReadOnlyList<string> arguments, InvocationConfiguration? configuration = null)
    {
        var parsed = command.Parse(arguments);
        if (parsed.Action is not ParseErrorAction error) return await parsed.InvokeAsync(configuration ?? Default);
        error.ShowHelp = command.Action is null && arguments.Count == 0;
        await parsed.InvokeAsync(configuration ?? Default);
        return UsageError;
    }

    /// <summary>Prints why options do not fit together.</summary>
    public static async Task<int> RejectAsync(ParseResult parsed, string problem)
    {
        await parsed.InvocationConfiguration.Error.WriteLineAsync(problem);
        return UsageError;
    }
}
