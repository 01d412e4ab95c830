namespace ModuleController.Core.BasePods;

/// <summary>The waits of a base pod.</summary>
public static class BasePodTimes
{
    /// <summary>Intermediate states are written only when they last longer.</summary>
    public static readonly TimeSpan Intermediate = TimeSpan.FromSeconds(2);

    /// <summary>After this much silence of the agent, its Modules report AgentConnected=Unknown.</summary>
    public static readonly TimeSpan SilenceToReport = TimeSpan.FromSeconds(60);

    /// <summary>A command that has the base for longer is named by the Modules that wait for it.</summary>
    public static readonly TimeSpan CommandIsNamed = TimeSpan.FromSeconds(60);

    /// <summary>After this much silence of a base, deletion does not wait for it any longer.</summary>
    public static readonly TimeSpan SilenceToRemove = TimeSpan.FromSeconds(120);

    /// <summary>How long an orphan may be one: its Module may be on its way into the cache.</summary>
    public static readonly TimeSpan OrphanGrace = TimeSpan.FromSeconds(60);

    /// <summary>The longest wait for a pod to leave the EndpointSlices.</summary>
    public static readonly TimeSpan EndpointsLeave = TimeSpan.FromSeconds(60);

    /// <summary>How long a command's effect may be missing from the snapshots after its answer.</summary>
    public static readonly TimeSpan EffectShows = TimeSpan.FromSeconds(10);

    /// <summary>A JVM that was paused carries out what its sockets held within this time of answering again.</summary>
    public static readonly TimeSpan LateCommands = TimeSpan.FromSeconds(10);

    /// <summary>A base that ends sooner after an install was ended by it, or so we suspect.</summary>
    public static readonly TimeSpan Suspicious = TimeSpan.FromSeconds(60);

    /// <summary>How long a command is not sent again that an agent refused because it was meant for another one.</summary>
    public static readonly TimeSpan Refused = TimeSpan.FromSeconds(5);

    /// <summary>Between two messages about what a closed readiness gate waits for; another reason is written immediately.</summary>
    public static readonly TimeSpan GateMessage = TimeSpan.FromSeconds(30);

    /// <summary>The deadline of a switch, and of what touches the journal only.</summary>
    public static readonly TimeSpan CommandDeadline = TimeSpan.FromSeconds(60);
}
