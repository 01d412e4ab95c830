using System.Text.Json.Serialization;
using ModuleController.Dev.Load.Cleanup;

namespace ModuleController.Dev.Load;

/// <summary>Whom the kills of a run are for.</summary>
public enum KillTarget
{
    None,
    Controller,
    Agent,
}

/// <summary>What is installed, where, how often, and what goes wrong meanwhile.</summary>
public sealed record LoadOptions
{
    public int Bases { get; init; } = 200;

    public int Modules { get; init; } = 1;

    public int Runs { get; init; } = 3;

    public TimeSpan InstallTime { get; init; }

    /// <summary>In so many batches; 0: nothing is upgraded.</summary>
    public int Upgrade { get; init; }

    public int Hang { get; init; }

    public KillTarget Kill { get; init; }

    public int Moments { get; init; } = 20;

    public int KillsPerInstall { get; init; } = 1;

    public int Seed { get; init; } = Random.Shared.Next();

    public int AgentProcesses { get; init; }

    /// <summary>0: the load is the controller's; else one agent's.</summary>
    public int AgentCommands { get; init; }

    /// <summary>A program, or a <c>.dll</c> for <c>dotnet</c>; null: the one that was built with this program.</summary>
    public string? Agent { get; init; }

    public string? Controller { get; init; }

    public string? Kubeconfig { get; init; }

    public TimeSpan Timeout { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>For the end of a run on somebody else's API server.</summary>
    [JsonIgnore]
    public CleanupLimits Cleanup { get; init; } = new();

    /// <summary>Of this process, which runs the bases and agents.</summary>
    public bool HasLowPriority { get; init; }

    public bool IsJson { get; init; }

    public bool IsVerbose { get; init; }
}
