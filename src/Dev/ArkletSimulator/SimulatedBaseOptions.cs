using System.Net;

namespace ModuleController.Dev.ArkletSimulator;

/// <summary>What one simulated base is, and where it listens.</summary>
public sealed record SimulatedBaseOptions
{
    public IPAddress Address { get; init; } = IPAddress.Loopback;

    /// <summary>0: any free port; it stays the same over restarts.</summary>
    public int ArkletPort { get; init; }

    /// <summary>0: any free port; it stays the same over restarts.</summary>
    public int WebPort { get; init; }

    /// <summary>The base's own biz, by <c>spring.application.name</c>.</summary>
    public string BaseName { get; init; } = "base";

    /// <summary>How long a life takes from its first open port (the web's) to Arklet's.</summary>
    public TimeSpan StartDelay { get; init; }

    /// <summary>For modules that have no install time of their own.</summary>
    public TimeSpan InstallTime { get; init; }

    /// <summary>Netty's worker loops; a command holds the one that owns its connection until it ends.</summary>
    public int WorkerLoops { get; init; } = 2 * Environment.ProcessorCount;

    /// <summary>The JVM's limit in bytes, -1 for none; a base without modules has committed about 51 MB.</summary>
    public long MaxMetaspace { get; init; } = -1;

    /// <summary>Where the answers say that jars were unpacked to; nothing is written there.</summary>
    public string WorkDirectory { get; init; } = "/tmp/sofa-ark";

    /// <summary>Gets a line for everything done; a file of this base alone.</summary>
    public string? LogFile { get; init; }

    public TimeProvider Time { get; init; } = TimeProvider.System;
}
