using System.Diagnostics;
using System.Diagnostics.Metrics;
using Grpc.Core;
using ModuleController.Core.Agents;
using ModuleController.Core.Commands;

namespace ModuleController.ControlPlane.Agents;

/// <summary>Instruments of the gateway; the exporter adds unit and <c>_total</c> to the names.</summary>
public sealed class AgentMetrics : IDisposable
{
    public const string MeterName = "ModuleController.Agents";

    private readonly Meter _meter;
    private readonly Counter<long> _sent;
    private readonly Counter<long> _answered;
    private readonly Counter<long> _streams;
    private readonly Histogram<double> _installs;

    /// <param name="scope">Whose they are, where a process has several.</param>
    public AgentMetrics(object? scope = null)
    {
        _meter = new(new MeterOptions(MeterName) { Scope = scope });
        _sent = _meter.CreateCounter<long>("modulecontroller_commands_sent", null, "Commands sent to agents, by action");
        _answered = _meter.CreateCounter<long>("modulecontroller_commands", null, "Answered commands, by action, outcome and reason");
        _streams = _meter.CreateCounter<long>("modulecontroller_agent_streams", null, "Agent streams that ended, by status");
        _installs = _meter.CreateHistogram(
            "modulecontroller_install_duration", "s", "Time of an install, as the agent measured it",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600] });
    }

    /// <summary>The number of connected agents is read at each scrape.</summary>
    public void ObserveSessions(Func<int> connected, Func<int> streams)
    {
        _meter.CreateObservableGauge("modulecontroller_agent_sessions", connected, null, "Agents that are connected");
        _meter.CreateObservableGauge("modulecontroller_agent_streams_open", streams, null,
            "Open agent streams, including those before their hello");
    }

    public void Dispose() => _meter.Dispose();

    internal void Sent(ModuleCommand command) => _sent.Add(1, new KeyValuePair<string, object?>("action", command.Action));

    /// <summary>An answer to a command of another session or leader is counted without its action.</summary>
    internal void Answered(CommandAnswer answer, ModuleCommand? command)
    {
        _answered.Add(1, new TagList
        {
            { "action", command?.Action ?? "unknown" },
            { "outcome", answer.Outcome.ToString() },
            { "reason", answer.Reason?.ToString() ?? "" },
        });
        if (command is ModuleCommand.Install && answer is { Outcome: CommandOutcome.Succeeded, Duration: { } took })
            _installs.Record(took.TotalSeconds);
    }

    internal void StreamEnded(StatusCode status) => _streams.Add(1, new KeyValuePair<string, object?>("status", status.ToString()));
}
