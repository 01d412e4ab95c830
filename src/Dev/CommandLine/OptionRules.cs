using System.CommandLine;
using System.Globalization;

namespace ModuleController.Dev.CommandLine;

/// <summary>Options whose values have a rule.</summary>
internal static class OptionRules
{
    public static Option<int> Number(string name, int initial, int minimum, string description)
    {
        var option = Parsed(name, "N", description, text => WholeNumber(text, minimum, int.MaxValue));
        option.DefaultValueFactory = _ => initial;
        return option;
    }

    /// <param name="parse">Throws a <see cref="FormatException"/> or <see cref="OverflowException"/> for an invalid value.</param>
    public static Option<T> Parsed<T>(string name, string helpName, string description, Func<string, T> parse) => new(name)
    {
        HelpName = helpName,
        Description = description,
        CustomParser = result =>
        {
            try
            {
                return parse(result.Tokens[0].Value);
            }
            catch (Exception problem) when (problem is FormatException or OverflowException)
            {
                result.AddError($"{name}: {problem.Message}");
                return default;
            }
        },
    };

    public static Option<FileInfo> ExistingFile(string name, string description) =>
        new Option<FileInfo>(name) { HelpName = "FILE", Description = description }.AcceptExistingOnly();

    public static int WholeNumber(string text, int minimum, int maximum) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= minimum && number <= maximum
            ? number : throw new FormatException(
                $"{text} is not a whole number " + (maximum == int.MaxValue ? $"of at least {minimum}" : $"from {minimum} to {maximum}"));
}
