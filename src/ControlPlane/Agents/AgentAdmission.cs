using Grpc.Core;
using ModuleController.ControlPlane.Agents.Identity;
using ModuleController.Kube.Client;

namespace ModuleController.ControlPlane.Agents;

/// <summary>The epoch for an agent, or why its stream is refused.</summary>
public readonly record struct Admission(ulong Epoch, Status? Refusal)
{
    public static Admission Refused(StatusCode code, string why) => new(0, new(code, why));
}

/// <summary>Decides after a hello whether an agent is admitted: by leader, credentials and pod.</summary>
public sealed partial class AgentAdmission(
    LeaderGate gate, KnownPods pods, AgentEpochs epochs, AgentOptions options, ILogger<AgentAdmission> logger)
{
    /// <summary>Null where this process leads.</summary>
    public Status? RefusalWithoutHello() => gate.IsOpen
        ? null
        : new Status(StatusCode.Unavailable, gate.LeaderAddress is { } leader
            ? $"this controller is not the leader; {leader} is"
            : "this controller is not the leader, and knows none");

    public async Task<Admission> AdmitAsync(AgentHello hello, AgentIdentity? identity, ulong epochAtBegin, CancellationToken cancellation)
    {
        if (identity?.RefusalFor(hello) is { } ofOther) return new(0, ofOther);
        switch (await pods.ExistsAsync(hello.Pod, hello.PodUid, options.PodTimeout, cancellation))
        {
            case false:
                return Admission.Refused(StatusCode.NotFound, $"there is no pod {hello.Pod} with UID {hello.PodUid}, or it has ended");
            case null: return Admission.Refused(StatusCode.Unavailable, $"pod {hello.Pod} is not known yet: try again");
        }

        if (RefusalWithoutHello() is { } refusal) return new(0, refusal);
        try
        {
            return new(await epochs.GreetAsync(hello, epochAtBegin, cancellation), null);
        }
        catch (Exception exception) when (exception is KubeException or InvalidOperationException)
        {
            LogNotRaised(hello.Pod, hello.HighestEpoch, exception.Message);
            return Admission.Refused(StatusCode.Unavailable, "the epoch could not be raised: try again");
        }
    }

    [LoggerMessage(LogLevel.Warning, "The agent of {Pod} has observed epoch {Observed}, and ours could not be raised: {Why}")]
    private partial void LogNotRaised(Core.Meta.ObjectKey pod, ulong observed, string why);
}
