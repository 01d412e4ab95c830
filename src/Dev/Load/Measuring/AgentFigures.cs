using System.Globalization;
using ModuleController.Dev.Load.Processes;

namespace ModuleController.Dev.Load.Measuring;

/// <summary>The resources of one agent.</summary>
/// <param name="BinaryMegabytes">Of the executable, in millions of bytes.</param>
/// <param name="FirstMessage">Seconds from the start of the process to its first message, for each start.</param>
/// <param name="CpuSeconds">Of the last start, all commands included.</param>
public sealed record AgentFigures(
    double BinaryMegabytes, IReadOnlyList<double> FirstMessage, IReadOnlyList<MemoryPoint> Memory, double CpuSeconds);

/// <summary>Resident memory after a number of commands, in MB: private pages and pages of files.</summary>
public sealed record MemoryPoint(int Commands, double Resident, double Anonymous, double Files, int Threads)
{
    public static MemoryPoint Of(ChildProcess process, int commands)
    {
        var rollup = File.ReadAllLines($"/proc/{process.Id}/smaps_rollup");
        var (resident, anonymous) = (Of("Rss:"), Of("Anonymous:"));
        return new(commands, resident, anonymous, resident - anonymous, Directory.GetDirectories($"/proc/{process.Id}/task").Length);

        double Of(string name) => long.Parse(
            rollup.First(line => line.StartsWith(name, StringComparison.Ordinal))[name.Length..]
                .Replace("kB", "", StringComparison.Ordinal).Trim(),
            CultureInfo.InvariantCulture) / 1024.0;
    }

    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"after {Commands,5} commands: {Resident:0.0} MB resident, {Anonymous:0.0} private and {Files:0.0} of files, {Threads} threads");
}
