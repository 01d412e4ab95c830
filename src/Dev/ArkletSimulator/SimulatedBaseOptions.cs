using System.Net;

namespace ModuleController.Dev.ArkletSimulator;

/// <summary>The options of one simulated base.</summary>
public sealed record SimulatedBaseOptions
{
    public IPAddress Address { get; init; } = IPAddress.Loopback;

    /// <summary>0: any free port; it stays the same over restarts.</summary>
    public int ArkletPort { get; init; }

    /// <summary>0: any free port; it stays the same over restarts.</summary>
    public int WebPort { get; init; }

    /// <summary>The base's own biz, by <c>spring.application.name</c>.</summary>
    public string BaseName { get; init; } = "base";

    /// <summary>The time from the web's open port to Arklet's.</summary>
    public TimeSpan StartDelay { get; init; }

    /// <summary>For modules without their own install time.</summary>
    public TimeSpan InstallTime { get; init; }

    /// <summary>Netty's worker loops. A command occupies the loop of its connection until it ends.</summary>
    public int WorkerLoops { get; init; } = 2 * Environment.ProcessorCount;

    /// <summary>The JVM's limit in bytes, -1 for none; a base without modules has committed about 51 MB.</summary>
    public long MaxMetaspace { get; init; } = -1;

    /// <summary>The directory that answers name for unpacked jars. Nothing is written there.</summary>
    public string WorkDirectory { get; init; } = "/tmp/sofa-ark";

    /// <summary>A log with a line for each action, for this base only.</summary>
    public string? LogFile { get; init; }

    public TimeProvider Time { get; init; } = TimeProvider.System;
}
