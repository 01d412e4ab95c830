using System.CommandLine;

namespace ModuleController.ControlPlane.Settings;

/// <summary>One setting: an option, and the environment variable that counts where the option is not given.</summary>
internal sealed record Setting(string Name, string Value, string Meaning, Func<string, Func<ControlPlaneOptions, ControlPlaneOptions>> Read)
{
    private const string Prefix = "MODULECONTROLLER_";

    public string Variable { get; } = Prefix + Name.ToUpperInvariant().Replace('-', '_');

    /// <param name="value">What a value is called in the help.</param>
    /// <param name="parse">Throws a <see cref="FormatException"/> that says what is wrong with the value.</param>
    public static Setting Of<T>(
        string name, string value, string meaning, Func<string, T> parse, Func<ControlPlaneOptions, T, ControlPlaneOptions> set) =>
        new(name, value, meaning, text =>
        {
            var parsed = parse(text);
            return options => set(options, parsed);
        });

    public static Setting Switch(string name, string meaning, Func<ControlPlaneOptions, bool, ControlPlaneOptions> set) =>
        Of(name, "true|false", meaning, SettingValues.Flag, set) with { IsSwitch = true };

    /// <summary>Given without a value it means true.</summary>
    public bool IsSwitch { get; private init; }

    public Option<string> ToOption() => new($"--{Name}")
    {
        Description = $"{Meaning} [{Variable}]",
        HelpName = Value,
        Arity = IsSwitch ? ArgumentArity.ZeroOrOne : ArgumentArity.ExactlyOne,
    };

    /// <summary>The change of the options that a value means; the message of a <see cref="FormatException"/> begins with its
    /// source.</summary>
    public Func<ControlPlaneOptions, ControlPlaneOptions> Parse(string value, string source)
    {
        try
        {
            return Read(value);
        }
        catch (FormatException exception)
        {
            throw new FormatException($"{source}: {exception.Message}", exception);
        }
    }
}
