using Grpc.Core;

namespace ModuleController.ControlPlane.Agents.Identity;

/// <summary>The pod that a credential was made for, and when the credential expires.</summary>
public sealed record AgentIdentity(string Namespace, string PodName, string PodUid, DateTimeOffset ExpiresAt)
{
    /// <summary>Why the credential is not that of this agent's pod; null: it is.</summary>
    public Status? RefusalFor(AgentHello hello) =>
        (Namespace, PodName, PodUid) == (hello.Pod.Namespace, hello.Pod.Name, hello.PodUid)
            ? null
            : new Status(StatusCode.PermissionDenied, $"the credential is that of pod {Namespace}/{PodName}, not of {hello.Pod}");
}

/// <summary>The pod of the credential, or why the stream is refused; both null: no credentials are required.</summary>
public readonly record struct Authentication(AgentIdentity? Identity, Status? Refusal)
{
    public static Authentication Of(AgentIdentity identity) => new(identity, null);

    public static Authentication Refused(StatusCode code, string why) => new(null, new(code, why));
}
