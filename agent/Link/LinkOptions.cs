namespace ModuleController.Agent.Link;

/// <summary>Where the controller is, who we are, and how we prove it.</summary>
public sealed record LinkOptions
{
    public required Uri Controller { get; init; }

    public required string PodNamespace { get; init; }

    public required string PodName { get; init; }

    public required string PodUid { get; init; }

    public string AgentVersion { get; init; } = "0";

    public required int ArkletPort { get; init; }

    /// <summary>A projected ServiceAccount token; the kubelet renews it, so it is read for each connection.</summary>
    public string? TokenFile { get; init; }

    /// <summary>The roots that the controller's certificate must lead to; null: the system's.</summary>
    public string? CaFile { get; init; }

    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>A gateway may hold a hello for 10 s until its caches know the pod.</summary>
    public TimeSpan WelcomeTimeout { get; init; } = TimeSpan.FromSeconds(20);

    public TimeSpan FirstDelay { get; init; } = TimeSpan.FromMilliseconds(200);

    public TimeSpan LongestDelay { get; init; } = TimeSpan.FromSeconds(10);
}
