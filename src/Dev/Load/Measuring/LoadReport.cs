using System.Text.Json;
using System.Text.Json.Serialization;

namespace ModuleController.Dev.Load.Measuring;

/// <summary>The results of a run, in seconds and megabytes; medians of several runs.</summary>
public sealed record LoadReport
{
    public required LoadOptions Options { get; init; }

    public int Processors { get; init; } = Environment.ProcessorCount;

    public AgentFigures? Agent { get; init; }

    public ReconnectFigures? Reconnects { get; init; }

    public InstallFigures? Installs { get; init; }

    public HangFigures? Hang { get; init; }

    public KillFigures? Kills { get; init; }

    public UpgradeFigures? Upgrades { get; init; }

    /// <summary>Violated promises; none in a good run.</summary>
    public IReadOnlyList<string> Problems { get; init; } = [];

    [JsonIgnore]
    public string Json => JsonSerializer.Serialize(this, ReportJson.Options);

    [JsonIgnore]
    public string Text => new ReportText(this).ToString();
}

internal static class ReportJson
{
    public static JsonSerializerOptions Options { get; } = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) },
    };
}
