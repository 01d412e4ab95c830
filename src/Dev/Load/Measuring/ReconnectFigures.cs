namespace ModuleController.Dev.Load.Measuring;

/// <summary>What a restart of the controller costs with many agents. Seconds are since the signal, one for each restart.</summary>
/// <param name="Leads">Until the new process leads.</param>
/// <param name="InSync">Until all agents have a session.</param>
/// <param name="Cpu">Of the new process, until all agents have a session.</param>
/// <param name="ResidentIdle">In MB, the median some seconds later.</param>
/// <param name="ResidentPeak">In MB, the highest of all restarts.</param>
/// <param name="Requests">To the API server, by verb and resource, since the start of each new process.</param>
public sealed record ReconnectFigures(
    IReadOnlyList<double> Leads, IReadOnlyList<double> InSync, IReadOnlyList<double> Cpu, double ResidentIdle, double ResidentPeak,
    IReadOnlyDictionary<string, long> Requests);
