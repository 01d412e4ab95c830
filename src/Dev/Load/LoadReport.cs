using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace ModuleController.Dev.Load;

/// <summary>What was measured. Seconds and megabytes; medians where there were several runs.</summary>
public sealed record LoadReport
{
    public required LoadOptions Options { get; init; }

    public int Processors { get; init; } = Environment.ProcessorCount;

    public AgentFigures? Agent { get; init; }

    public InstallFigures? Installs { get; init; }

    public HangFigures? Hang { get; init; }

    public KillFigures? Kills { get; init; }

    public UpgradeFigures? Upgrades { get; init; }

    /// <summary>What should not have happened; nothing in a good run.</summary>
    public IReadOnlyList<string> Problems { get; init; } = [];

    [JsonIgnore]
    public string Json => JsonSerializer.Serialize(this, ReportJson.Options);

    [JsonIgnore]
    public string Text
    {
        get
        {
            var text = new StringBuilder();
            if (Agent is { } agent)
            {
                Line($"one agent over TLS, {Options.AgentCommands} commands, {agent.BinaryMegabytes:0.0} MB of executable, {agent.CpuSeconds:0.0} s of processor time");
                Line($"  first message after {agent.FirstMessage.Median():0.000} s  ({string.Join(", ", agent.FirstMessage.Select(first => first.ToString("0.000", CultureInfo.InvariantCulture)))})");
                foreach (var point in agent.Memory) text.AppendLine(CultureInfo.InvariantCulture, $"  {point}");
                return text.ToString();
            }

            Line($"{Options.Bases} bases, {Options.Modules} modules on each, Arklet takes {Options.InstallTime.TotalSeconds} s, {Processors} processors");
            if (Installs is { } installs)
            {
                Line($"installs, median of {installs.AllAvailable.Count} runs");
                Line($"  all Available                  {installs.AllAvailable.Median():0.00} s  ({List(installs.AllAvailable)})");
                Line($"  all releases Completed         {installs.Completed.Median():0.00} s  ({List(installs.Completed)})");
                Line($"  Completed after last Available {installs.CompletedAfterAvailable.Median():0.00} s  ({List(installs.CompletedAfterAvailable)})");
                Line($"  one Module, seen to Available  p50 {installs.ModuleP50:0.00} s, p99 {installs.ModuleP99:0.00} s, of which Arklet {Options.InstallTime.TotalSeconds} s");
                Line($"  all deleted                    {installs.Deleted.Median():0.00} s  ({List(installs.Deleted)})");
                if (installs.CacheLag is not []) Line($"  lag of the controller's caches, all runs");
                foreach (var lag in installs.CacheLag) Line($"    {lag}");
                if (installs.WatchGaps is not []) Line($"  gaps of the controller's watches, all runs");
                foreach (var gap in installs.WatchGaps) Line($"    {gap}");
                Line($"  processor time, controller     {installs.Cpu.Select(cpu => cpu.Controller).Median():0.00} s  ({List(installs.Cpu.Select(cpu => cpu.Controller))})");
                Line($"  API server; bases and agents   {installs.Cpu.Select(cpu => cpu.Server ?? 0).Median():0.00} s; {installs.Cpu.Select(cpu => cpu.Load).Median():0.00} s");
                Line($"  controller, resident           {installs.ResidentIdle:0} MB idle with all agents, {installs.ResidentPeak:0} MB at most");
                Requests("requests per installed module", installs.RequestsPerModule);
                Requests("requests per deleted module", installs.RequestsPerDeleted);
                Requests("refused, all runs", installs.Refused);
                Line($"  idle for {installs.IdleSeconds:0} s: {installs.IdleRequests} requests");
                Line($"  reconciles per run: {string.Join(", ", installs.Reconciles.Select(pair => $"{pair.Key} {pair.Value.Count} ({pair.Value.Seconds:0.0} s)"))}");
            }

            if (Hang is { } hang)
            {
                Line($"{Options.Hang} bases hang; until the other {Options.Bases - Options.Hang} were Available, median of {hang.With.Count} runs");
                Line($"  without the hang  {hang.Without.Median():0.00} s  ({List(hang.Without)})");
                Line($"  with it           {hang.With.Median():0.00} s  ({List(hang.With)})");
                Line($"  ratio             {hang.Ratio:0.00}");
            }

            if (Kills is { } kills)
            {
                Line($"{kills.Moments} kills of {Options.Kill.ToString().ToLowerInvariant()}, seed {Options.Seed}, in {kills.Installs} installs of {kills.ModulesPerInstall} modules");
                Line($"  all Available  {kills.AllAvailable.Median():0.00} s at the median, {kills.AllAvailable.Max():0.00} s at most; without a kill {kills.Undisturbed:0.00} s");
                if (kills.LostLeases > 0) Line($"  a controller ended {kills.LostLeases} times more, since it could not renew its Lease in time");
            }

            if (Upgrades is { } upgrades)
            {
                Line($"upgrades in {Options.Upgrade} batches{(upgrades.Kills == 0 ? "" : $", {upgrades.Kills} kills of {Options.Kill.ToString().ToLowerInvariant()}, seed {Options.Seed}")}; {upgrades.States} states looked at");
                foreach (var policy in upgrades.Policies)
                {
                    Line($"  {policy.Policy}: completed after {policy.Completed.Median():0.00} s  ({List(policy.Completed)}), {policy.MostUnavailable} of {Options.Bases} unavailable at most");
                    Requests("  requests per upgraded module", policy.RequestsPerModule);
                    Requests("  refused, all runs", policy.Refused);
                }
            }

            Line($"{(Problems.Count == 0 ? "each module was installed exactly once per base life" : "problems:")}");
            foreach (var problem in Problems) Line($"  {problem}");
            return text.ToString();

            void Line(FormattableString line) => text.AppendLine(line.ToString(CultureInfo.InvariantCulture));

            void Requests(string what, IReadOnlyDictionary<string, double> requests)
            {
                if (requests.Count == 0) return;
                Line($"  {what}");
                foreach (var (name, count) in requests.OrderByDescending(pair => pair.Value)) Line($"    {name,-34} {count:0.###}");
            }
        }
    }

    private static string List(IEnumerable<double> values) =>
        string.Join(", ", values.Select(value => value.ToString("0.00", CultureInfo.InvariantCulture)));
}

/// <summary>Undisturbed installs and deletions.</summary>
/// <param name="RequestsPerModule">The controller's own, by verb and resource; watches and Leases apart.</param>
public sealed record InstallFigures(
    IReadOnlyList<double> AllAvailable, IReadOnlyList<double> Completed, IReadOnlyList<double> Deleted, double ModuleP50, double ModuleP99,
    IReadOnlyList<CpuFigures> Cpu, double ResidentIdle, double ResidentPeak, IReadOnlyDictionary<string, double> RequestsPerModule,
    IReadOnlyDictionary<string, double> RequestsPerDeleted, IReadOnlyDictionary<string, double> Refused, double IdleSeconds, long IdleRequests,
    IReadOnlyDictionary<string, ReconcileFigures> Reconciles)
{
    /// <summary>Seconds from the last Module Available to the last release Completed, for each run.</summary>
    public IReadOnlyList<double> CompletedAfterAvailable => [.. Completed.Zip(AllAvailable, (completed, available) => completed - available)];

    /// <summary>By resource, all runs.</summary>
    public IReadOnlyList<LagFigures> CacheLag { get; init; } = [];

    /// <summary>By resource, all runs: how long a watch was silent while a write was not observed yet.</summary>
    public IReadOnlyList<LagFigures> WatchGaps { get; init; } = [];
}

/// <summary>How many times, of one resource, were counted: of writes until they were observed, or of gaps in a watch.</summary>
/// <param name="AtMost">None was longer, in seconds; null where one was longer than the longest time that is counted.</param>
public sealed record LagFigures(string Resource, long Count, long OverOneSecond, double? AtMost)
{
    public static IReadOnlyList<LagFigures> Of(IEnumerable<IReadOnlyDictionary<(string Resource, double Limit), long>> counts) =>
    [
        .. counts.SelectMany(count => count).GroupBy(pair => pair.Key.Resource).OrderBy(group => group.Key, StringComparer.Ordinal)
            .Select(group => Of(group.Key, group.GroupBy(pair => pair.Key.Limit).ToDictionary(limit => limit.Key, limit => limit.Sum(pair => pair.Value))))
            .Where(figures => figures.Count > 0),
    ];

    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{Resource,-34} {(AtMost is { } most ? $"at most {most:0.###} s" : "longer than is counted")}, {OverOneSecond} of {Count} over 1 s");

    private static LagFigures Of(string resource, Dictionary<double, long> counts)
    {
        var writes = counts.GetValueOrDefault(double.PositiveInfinity);
        var most = counts.Where(pair => pair.Value == writes).Min(pair => pair.Key);
        return new(resource, writes, writes - counts.GetValueOrDefault(1), double.IsInfinity(most) ? null : most);
    }
}

/// <summary>Seconds of processor time from the creation until all stood still.</summary>
/// <param name="Server">Null where the API server is somebody else's.</param>
/// <param name="Load">Of this program: all bases and the agents that are no processes of their own.</param>
public sealed record CpuFigures(double Controller, double? Server, double Load)
{
    public CpuFigures Since(CpuFigures before) => new(Controller - before.Controller, Server - before.Server, Load - before.Load);
}

public sealed record ReconcileFigures(double Count, double Seconds);

/// <summary>Until the bases that do not hang were done, with and without others that do.</summary>
public sealed record HangFigures(IReadOnlyList<double> Without, IReadOnlyList<double> With)
{
    public double Ratio => With.Median() / Without.Median();
}

/// <param name="LostLeases">Ends of a controller that could not renew its Lease in time: on a machine that has too much to do.</param>
public sealed record KillFigures(int Moments, int Installs, int ModulesPerInstall, double Undisturbed, IReadOnlyList<double> AllAvailable, int LostLeases);

/// <summary>Upgrades in batches.</summary>
/// <param name="States">Of Modules, each looked at by a watch.</param>
public sealed record UpgradeFigures(int Kills, long States, IReadOnlyList<UpgradeOfPolicy> Policies);

/// <param name="Completed">Seconds from the new version in the spec to the status that says Completed.</param>
/// <param name="MostUnavailable">Of one ModuleDeployment at once, in any state of any run.</param>
/// <param name="RequestsPerModule">The controller's own, by verb and resource; nothing where it was killed.</param>
public sealed record UpgradeOfPolicy(
    string Policy, IReadOnlyList<double> Completed, int MostUnavailable, IReadOnlyDictionary<string, double> RequestsPerModule,
    IReadOnlyDictionary<string, double> Refused);

internal static class ReportJson
{
    public static JsonSerializerOptions Options { get; } = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) },
    };
}
