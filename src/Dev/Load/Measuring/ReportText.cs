using System.Globalization;
using System.Text;

namespace ModuleController.Dev.Load.Measuring;

/// <summary>A report for a terminal.</summary>
internal sealed class ReportText
{
    private readonly StringBuilder _text = new();
    private readonly LoadOptions _options;

    public ReportText(LoadReport report)
    {
        _options = report.Options;
        if (report.Agent is { } agent)
        {
            Write(agent);
            return;
        }

        if (report.Reconnects is { } reconnects)
        {
            Write(reconnects);
            return;
        }

        Line($"{_options.Bases} bases, {_options.Modules} modules on each, Arklet takes {_options.InstallTime.TotalSeconds} s, ",
            $"{report.Processors} processors");
        if (report.Installs is { } installs) Write(installs);
        if (report.Hang is { } hang) Write(hang);
        if (report.Kills is { } kills) Write(kills);
        if (report.Upgrades is { } upgrades) Write(upgrades);
        Line($"{(report.Problems.Count == 0 ? "each module was installed exactly once per base life" : "problems:")}");
        foreach (var problem in report.Problems) Line($"  {problem}");
    }

    public override string ToString() => _text.ToString();

    private void Write(AgentFigures agent)
    {
        Line($"one agent over TLS, {_options.AgentCommands} commands, {agent.BinaryMegabytes:0.0} MB of executable, ",
            $"{agent.CpuSeconds:0.0} s of processor time");
        Line($"  first message after {agent.FirstMessage.Median():0.000} s  ({List(agent.FirstMessage, "0.000")})");
        foreach (var point in agent.Memory) Line($"  {point}");
    }

    private void Write(ReconnectFigures reconnects)
    {
        var restart = _options.Kill == KillTarget.None ? "restart" : "kill -9";
        Line($"{_options.Reconnect} agents without bases, over TLS and with tokens, after a {restart} of the controller");
        Seconds("the controller leads again", reconnects.Leads);
        Seconds("all agents in sync", reconnects.InSync);
        Seconds("processor time, controller", reconnects.Cpu);
        Line($"  controller, resident              {reconnects.ResidentIdle:0} MB idle with all agents, ",
            $"{reconnects.ResidentPeak:0} MB at most");
        Requests("requests, all restarts", reconnects.Requests.ToDictionary(pair => pair.Key, pair => (double)pair.Value));
    }

    private void Write(InstallFigures installs)
    {
        Line($"installs, median of {installs.AllAvailable.Count} runs");
        Seconds("all Available", installs.AllAvailable);
        Seconds("all releases Completed", installs.Completed);
        Seconds("Completed after last Available", installs.CompletedAfterAvailable);
        Line($"  one Module, observed to Available p50 {installs.ModuleP50:0.00} s, p99 {installs.ModuleP99:0.00} s, ",
            $"of which Arklet {_options.InstallTime.TotalSeconds} s");
        Seconds("all deleted", installs.Deleted);
        Lags("lag of the controller's caches, all runs", installs.CacheLag);
        Lags("gaps of the controller's watches, all runs", installs.WatchGaps);
        Seconds("processor time, controller", [.. installs.Cpu.Select(cpu => cpu.Controller)]);
        var (server, load) = (installs.Cpu.Select(cpu => cpu.Server ?? 0).Median(), installs.Cpu.Select(cpu => cpu.Load).Median());
        Line($"  API server; bases and agents      {server:0.00} s; {load:0.00} s");
        Line($"  controller, resident              {installs.ResidentIdle:0} MB idle with all agents, ",
            $"{installs.ResidentPeak:0} MB at most");
        Requests("requests per installed module", installs.RequestsPerModule);
        Requests("requests per deleted module", installs.RequestsPerDeleted);
        Requests("rejected, all runs", installs.Rejected);
        Line($"  idle for {installs.IdleSeconds:0} s: {installs.IdleRequests} requests");
        var reconciles = installs.Reconciles.Select(
            pair => string.Create(CultureInfo.InvariantCulture, $"{pair.Key} {pair.Value.Count} ({pair.Value.Seconds:0.0} s)"));
        Line($"  reconciles per run: {string.Join(", ", reconciles)}");
    }

    private void Write(HangFigures hang)
    {
        Line($"{_options.Hang} bases hang; ",
            $"until the other {_options.Bases - _options.Hang} were Available, median of {hang.With.Count} runs");
        Seconds("without the hang", hang.Without);
        Seconds("with the hang", hang.With);
        Line($"  ratio                             {hang.Ratio:0.00}");
    }

    private void Write(KillFigures kills)
    {
        Line($"{Killed(kills.Moments)}, in {kills.Installs} installs of {kills.ModulesPerInstall} modules");
        Line($"  all Available  {kills.AllAvailable.Median():0.00} s at the median, {kills.AllAvailable.Max():0.00} s at most; ",
            $"without a kill {kills.Undisturbed:0.00} s");
        if (kills.LostLeases > 0) Line($"  a controller ended {kills.LostLeases} times more, since it could not renew its Lease in time");
    }

    private void Write(UpgradeFigures upgrades)
    {
        var kills = upgrades.Kills == 0 ? "" : $", {Killed(upgrades.Kills)}";
        Line($"upgrades in {_options.Upgrade} batches{kills}; {upgrades.States} states checked");
        foreach (var policy in upgrades.Policies)
        {
            Line($"  {policy.Policy}: completed after {policy.Completed.Median():0.00} s  ({List(policy.Completed)}), ",
                $"{policy.MostUnavailable} of {_options.Bases} unavailable at most");
            Requests("  requests per upgraded module", policy.RequestsPerModule);
            Requests("  rejected, all runs", policy.Rejected);
        }
    }

    private string Killed(int kills) => $"{kills} kills of {_options.Kill.ToString().ToLowerInvariant()}, seed {_options.Seed}";

    private void Seconds(string what, IReadOnlyList<double> runs) => Line($"  {what,-33} {runs.Median():0.00} s  ({List(runs)})");

    private void Lags(string what, IReadOnlyList<LagFigures> lags)
    {
        if (lags is not []) Line($"  {what}");
        foreach (var lag in lags) Line($"    {lag}");
    }

    private void Requests(string what, IReadOnlyDictionary<string, double> requests)
    {
        if (requests.Count == 0) return;
        Line($"  {what}");
        foreach (var (name, count) in requests.OrderByDescending(pair => pair.Value)) Line($"    {name,-34} {count:0.###}");
    }

    private void Line(params FormattableString[] parts) =>
        _text.AppendLine(string.Concat(parts.Select(part => part.ToString(CultureInfo.InvariantCulture))));

    private static string List(IEnumerable<double> values, string format = "0.00") =>
        string.Join(", ", values.Select(value => value.ToString(format, CultureInfo.InvariantCulture)));
}
