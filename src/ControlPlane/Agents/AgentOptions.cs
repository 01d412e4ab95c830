namespace ModuleController.ControlPlane.Agents;

/// <summary>How agents are let in and kept. The defaults are those of a production start.</summary>
public sealed record AgentOptions
{
    /// <summary>Agents without credentials are accepted.</summary>
    public bool AllowInsecure { get; init; }

    /// <summary>Whom a token must have been made for.</summary>
    public string Audience { get; init; } = "modulecontroller";

    /// <summary>Dead connections are found by HTTP/2 pings; heartbeats may be slow.</summary>
    public TimeSpan HeartbeatInterval { get; init; } = TimeSpan.FromSeconds(15);

    public TimeSpan SnapshotInterval { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>How long a stream may be silent.</summary>
    public TimeSpan Silence => HeartbeatInterval * 3;

    /// <summary>From the stream's begin to its hello.</summary>
    public TimeSpan HelloTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a hello waits for its pod to appear in the cache.</summary>
    public TimeSpan PodTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>A stream is ended at this age, shortened by up to a fifth; null: it has none.</summary>
    public TimeSpan? MaxStreamAge { get; init; }
}
