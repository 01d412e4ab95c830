using System.Text;
using System.Text.RegularExpressions;

namespace ModuleController.Core.Modules.Rules;

/// <summary>What a field may hold; a closed set. The CRDs say the same, with the same words as the message of the rule.</summary>
/// <param name="Must">Follows the name of the field in a message: "must be 32 hexadecimal digits, or empty".</param>
public abstract record FieldRule(string Must)
{
    /// <summary>Whether the value of a field is allowed. Whether it may be absent is no matter of its rule.</summary>
    public abstract bool Allows(object value);

    /// <param name="MaxLength">In bytes of UTF-8. The schema limits the number of characters to the same, and a rule the bytes.</param>
    /// <param name="Pattern">An RE2 expression from <c>^</c> to <c>$</c>, which is never shown to a user.</param>
    public sealed record Text(string Must, int MaxLength, string? Pattern = null) : FieldRule(Must)
    {
        // RE2's final $ is the very end of the text, .NET's is not.
        private readonly Regex? _expression = Pattern is null
            ? null
            : new($@"{Pattern[..^1]}\z", RegexOptions.NonBacktracking | RegexOptions.CultureInvariant);

        public bool IsRequired { get; init; }

        public bool IsWithin(string text) => Encoding.UTF8.GetByteCount(text) <= MaxLength;

        public override bool Allows(object value) =>
            value is string text && IsWithin(text) && (text.Length > 0 || !IsRequired) && _expression?.IsMatch(text) != false;
    }

    public sealed record Number(int Minimum, int Maximum) : FieldRule(MustBe(Minimum, Maximum))
    {
        /// <summary>A value that was stored before the rule existed counts as the nearest one that is allowed.</summary>
        public bool IsClamped { get; init; }

        public int Nearest(int value) => Math.Clamp(value, Minimum, Maximum);

        public override bool Allows(object value) => value is int number && number >= Minimum && number <= Maximum;

        private static string MustBe(int minimum, int maximum) =>
            maximum == int.MaxValue ? FormattableString.Invariant($"must be at least {minimum}")
            : FormattableString.Invariant($"must be {minimum} to {maximum}");
    }

    /// <summary>Either a number, or a text, as Kubernetes' IntOrString.</summary>
    public sealed record NumberOrText(string Must, Number OfNumber, Text OfText) : FieldRule(Must)
    {
        public override bool Allows(object value) => OfNumber.Allows(value) || OfText.Allows(value);
    }

    public sealed record Choice(params string[] Values) : FieldRule(
        $"must be {string.Join(" or ", Values.Where(value => value.Length > 0).Take(MaxNamed))}")
    {
        /// <summary>The others are further spellings of these.</summary>
        private const int MaxNamed = 3;

        public override bool Allows(object value) => Values.Contains(value);
    }

    /// <summary>Labels or annotations.</summary>
    public sealed record Map(string Must, Text OfKey, Text? OfValue, int MaxEntries) : FieldRule(Must)
    {
        public override bool Allows(object value) =>
            value is IReadOnlyDictionary<string, string> map && map.Count <= MaxEntries
            && map.All(entry => OfKey.Allows(entry.Key) && OfValue?.Allows(entry.Value) != false);
    }
}
