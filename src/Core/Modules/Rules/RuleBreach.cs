namespace ModuleController.Core.Modules.Rules;

/// <summary>A rule that an object breaks: the field, and what its value must be.</summary>
/// <param name="Field">Its path: <c>spec.template.spec.module.url</c>.</param>
/// <param name="Must">Follows the name of the field: "must be 32 hexadecimal digits, or empty".</param>
public sealed record RuleBreach(string Field, string Must)
{
    /// <summary>The rule of this value alone; null: it is about several.</summary>
    public FieldRule? Rule { get; init; }

    /// <summary>What breaks the rule: a text, a number, or a map; null: a value is missing.</summary>
    public object? Value { get; init; }

    /// <summary>The value may be in messages.</summary>
    public bool IsValueShown { get; init; }

    /// <summary>What the controller does with a stored value: "86400 is used". Null: nothing is released until the field is
    /// corrected.</summary>
    public string? Instead { get; init; }

    public string Message => IsValueShown ? $"{Must}, not {Shown(Value!)}" : Must;

    /// <summary>At most 64 characters of a text.</summary>
    public static string Within(string text) => text.Length <= 64 ? text : $"{text[..(char.IsHighSurrogate(text[62]) ? 62 : 63)]}…";

    public override string ToString() => $"{Field}: {Message}";

    private static string Shown(object value) => value is string text ? $"'{Within(text)}'" : FormattableString.Invariant($"{value}");
}
