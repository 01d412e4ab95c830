using System.Text.Json.Serialization;
using ModuleController.Dev.Load.Cleanup;

namespace ModuleController.Dev.Load;

/// <summary>The target of kills.</summary>
public enum KillTarget
{
    None,
    Controller,
    Agent,
}

/// <summary>The options of a run.</summary>
public sealed record LoadOptions
{
    public int Bases { get; init; } = 200;

    public int Modules { get; init; } = 1;

    public int Runs { get; init; } = 3;

    public TimeSpan InstallTime { get; init; }

    /// <summary>The number of batches; 0: no upgrade.</summary>
    public int Upgrade { get; init; }

    public int Hang { get; init; }

    public KillTarget Kill { get; init; }

    public int Moments { get; init; } = 20;

    public int KillsPerInstall { get; init; } = 1;

    public int Seed { get; init; } = Random.Shared.Next();

    public int AgentProcesses { get; init; }

    /// <summary>0: measure the controller; otherwise one agent, with so many commands.</summary>
    public int AgentCommands { get; init; }

    /// <summary>0: measure modules; otherwise so many agents without bases, which reconnect.</summary>
    public int Reconnect { get; init; }

    /// <summary>An executable, or a <c>.dll</c> for <c>dotnet</c>; null: the one that was built with this program.</summary>
    public string? Agent { get; init; }

    public string? Controller { get; init; }

    public string? Kubeconfig { get; init; }

    public TimeSpan Timeout { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>For a run on an API server that it did not start.</summary>
    [JsonIgnore]
    public CleanupLimits Cleanup { get; init; } = new();

    /// <summary>Applies to this process, which runs the bases and agents.</summary>
    public bool HasLowPriority { get; init; }

    public bool IsJson { get; init; }

    public bool IsVerbose { get; init; }
}
