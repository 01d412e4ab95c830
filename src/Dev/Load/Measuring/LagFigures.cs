using System.Globalization;

namespace ModuleController.Dev.Load.Measuring;

/// <summary>Times of one resource: of writes until they were observed, or of gaps in a watch.</summary>
/// <param name="AtMost">The limit of the highest used bucket, in seconds; null if it is infinite.</param>
public sealed record LagFigures(string Resource, long Count, long OverOneSecond, double? AtMost)
{
    public static IReadOnlyList<LagFigures> Of(IEnumerable<IReadOnlyDictionary<(string Resource, double Limit), long>> counts) =>
    [
        .. counts.SelectMany(count => count).GroupBy(pair => pair.Key.Resource).OrderBy(group => group.Key, StringComparer.Ordinal)
            .Select(group => Of(group.Key,
                group.GroupBy(pair => pair.Key.Limit).ToDictionary(limit => limit.Key, limit => limit.Sum(pair => pair.Value))))
            .Where(figures => figures.Count > 0),
    ];

    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{Resource,-34} {AtMostText}, {OverOneSecond} of {Count} over 1 s");

    private string AtMostText => AtMost is { } most
        ? string.Create(CultureInfo.InvariantCulture, $"at most {most:0.###} s") : "longer than the highest bucket";

    private static LagFigures Of(string resource, Dictionary<double, long> counts)
    {
        var writes = counts.GetValueOrDefault(double.PositiveInfinity);
        var most = counts.Where(pair => pair.Value == writes).Min(pair => pair.Key);
        return new(resource, writes, writes - counts.GetValueOrDefault(1), double.IsInfinity(most) ? null : most);
    }
}
