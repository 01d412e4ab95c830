namespace ModuleController.Agent.Link;

/// <summary>Address of the controller, and identity and credentials of the agent.</summary>
public sealed record LinkOptions
{
    public required Uri Controller { get; init; }

    public required string PodNamespace { get; init; }

    public required string PodName { get; init; }

    public required string PodUid { get; init; }

    public string AgentVersion { get; init; } = "0";

    public required int ArkletPort { get; init; }

    /// <summary>A projected ServiceAccount token. It is read again and again: the kubelet renews it.</summary>
    public string? TokenFile { get; init; }

    /// <summary>PEM file with the authorities of the controller's certificate. It may appear later, and change. Null: those of the
    /// system.</summary>
    public string? CaFile { get; init; }

    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>A controller may wait 10 s with its Welcome until its caches contain the pod.</summary>
    public TimeSpan WelcomeTimeout { get; init; } = TimeSpan.FromSeconds(20);

    public TimeSpan FirstDelay { get; init; } = TimeSpan.FromMilliseconds(200);

    public TimeSpan MaxDelay { get; init; } = TimeSpan.FromSeconds(10);
}
