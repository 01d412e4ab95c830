using System.Globalization;
using System.Text.RegularExpressions;

namespace ModuleController.Dev.Load.Measuring;

/// <summary>The counters of a controller: requests to the API server and reconciles.</summary>
/// <param name="Requests">By <c>verb resource[/subresource]</c>; without watches and Leases.</param>
/// <param name="Rejected">Requests that were answered with an error, by the same name and the code.</param>
/// <param name="Reconciles">Number and seconds of all reconciles, by controller.</param>
/// <param name="Agents">The number of connected agents.</param>
public sealed partial record ControllerMetrics(
    IReadOnlyDictionary<string, long> Requests, IReadOnlyDictionary<string, long> Rejected,
    IReadOnlyDictionary<string, (long Count, double Seconds)> Reconciles, int Agents)
{
    private static readonly string[] WriteVerbs = ["create", "patch", "update", "delete"];

    /// <summary>Writes by resource and bucket: how many the controller's cache observed within so many seconds.</summary>
    public IReadOnlyDictionary<(string Resource, double Limit), long> CacheLag { get; init; } = new Dictionary<(string, double), long>();

    /// <summary>The same for times between two events of a watch while a write was not observed.</summary>
    public IReadOnlyDictionary<(string Resource, double Limit), long> WatchGaps { get; init; } = new Dictionary<(string, double), long>();

    public long All => Requests.Values.Sum();

    public long Written => Requests.Where(pair => WriteVerbs.Contains(pair.Key.Split(' ')[0])).Sum(pair => pair.Value);

    public long Lists => Requests.Where(pair => pair.Key.StartsWith("list ", StringComparison.Ordinal)).Sum(pair => pair.Value);

    public static ControllerMetrics Parse(string text)
    {
        var (requests, rejected) = (new SortedDictionary<string, long>(), new SortedDictionary<string, long>());
        var reconciles = new SortedDictionary<string, (long Count, double Seconds)>();
        var (lag, gaps) = (new Dictionary<(string, double), long>(), new Dictionary<(string, double), long>());
        var agents = 0;
        foreach (var line in text.Split('\n'))
        {
            if (Sample().Match(line) is not { Success: true } sample) continue;
            var labels = Label().Matches(sample.Groups["labels"].Value)
                .ToDictionary(label => label.Groups[1].Value, label => label.Groups[2].Value);
            var value = double.Parse(sample.Groups["value"].Value, CultureInfo.InvariantCulture);
            switch (sample.Groups["name"].Value)
            {
                case "kube_api_requests_total":
                    Count(labels, (long)value);
                    break;
                case "kube_reconcile_duration_seconds_count":
                    Add(labels["controller"], (long)value, 0);
                    break;
                case "kube_reconcile_duration_seconds_sum":
                    Add(labels["controller"], 0, value);
                    break;
                case "kube_cache_lag_seconds_bucket" when labels.TryGetValue("resource", out var resource):
                    lag[(resource, Limit(labels["le"]))] = (long)value;
                    break;
                case "kube_watch_gap_seconds_bucket" when labels.TryGetValue("resource", out var resource):
                    gaps[(resource, Limit(labels["le"]))] = (long)value;
                    break;
                case "modulecontroller_agent_sessions":
                    agents = (int)value;
                    break;
            }
        }

        return new(requests, rejected, reconciles, agents) { CacheLag = lag, WatchGaps = gaps };

        static double Limit(string text) => text == "+Inf" ? double.PositiveInfinity : double.Parse(text, CultureInfo.InvariantCulture);

        void Count(Dictionary<string, string> labels, long count)
        {
            var (verb, resource, subresource) = (labels["verb"], labels["resource"], labels.GetValueOrDefault("subresource", ""));
            if (verb == "watch" || resource.StartsWith("leases", StringComparison.Ordinal)) return;
            var name = $"{verb} {resource.Split('.')[0]}{(subresource.Length > 0 ? $"/{subresource}" : "")}";
            requests[name] = requests.GetValueOrDefault(name) + count;
            if (labels["code"] is ['2', ..]) return;
            var code = $"{name} {labels["code"]}";
            rejected[code] = rejected.GetValueOrDefault(code) + count;
        }

        void Add(string controller, long count, double seconds)
        {
            var (before, time) = reconciles.GetValueOrDefault(controller);
            reconciles[controller] = (before + count, time + seconds);
        }
    }

    /// <summary>The increase since an earlier reading.</summary>
    public ControllerMetrics Since(ControllerMetrics before) => new(
        Differences(Requests, before.Requests), Differences(Rejected, before.Rejected),
        Reconciles.ToDictionary(pair => pair.Key, pair =>
        {
            var (count, seconds) = before.Reconciles.GetValueOrDefault(pair.Key);
            return (pair.Value.Count - count, pair.Value.Seconds - seconds);
        }),
        Agents)
    {
        CacheLag = CacheLag.ToDictionary(pair => pair.Key, pair => pair.Value - before.CacheLag.GetValueOrDefault(pair.Key)),
        WatchGaps = WatchGaps.ToDictionary(pair => pair.Key, pair => pair.Value - before.WatchGaps.GetValueOrDefault(pair.Key)),
    };

    private static SortedDictionary<string, long> Differences(
        IReadOnlyDictionary<string, long> after, IReadOnlyDictionary<string, long> before) =>
        new(after.Select(pair => KeyValuePair.Create(pair.Key, pair.Value - before.GetValueOrDefault(pair.Key)))
            .Where(pair => pair.Value != 0).ToDictionary());

    [GeneratedRegex("""^(?<name>\w+)(\{(?<labels>[^}]*)\})? (?<value>\S+)""")]
    private static partial Regex Sample();

    [GeneratedRegex("(\\w+)=\"([^\"]*)\"")]
    private static partial Regex Label();
}
