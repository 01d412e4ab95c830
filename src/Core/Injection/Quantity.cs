using System.Globalization;
using System.Text.RegularExpressions;

namespace ModuleController.Core.Injection;

/// <summary>A positive Kubernetes quantity, such as <c>250m</c> or <c>64Mi</c>, for comparison.</summary>
public static partial class Quantity
{
    /// <summary>Null: not a positive quantity. <c>1Ki</c> is 1024, <c>250m</c> is 0.25.</summary>
    public static decimal? Parse(string text)
    {
        if (Form().Match(text) is not { Success: true } match) return null;
        var number = decimal.Parse(match.Groups["number"].ValueSpan, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture);
        return number > 0 ? number * Factor(match.Groups["unit"].Value) : null;
    }

    private static decimal Factor(string unit) => unit switch
    {
        "" => 1,
        "m" => 0.001m,
        "k" => 1_000,
        "M" => 1_000_000,
        "G" => 1_000_000_000,
        "Ki" => 1 << 10,
        "Mi" => 1 << 20,
        _ => 1 << 30,
    };

    [GeneratedRegex(@"^(?<number>[0-9]{1,12}(\.[0-9]{1,3})?)(?<unit>m|k|M|G|Ki|Mi|Gi)?\z")]
    private static partial Regex Form();
}
