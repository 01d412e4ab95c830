using Grpc.Core;

namespace ModuleController.ControlPlane.Agents;

/// <summary>The pod that a credential was made for.</summary>
public sealed record AgentIdentity(string Namespace, string PodName, string PodUid);

/// <summary>The pod of the credential, or why the stream is refused; both null: no credentials are required.</summary>
public readonly record struct Authentication(AgentIdentity? Identity, Status? Refusal)
{
    public static Authentication Of(AgentIdentity identity) => new(identity, null);

    public static Authentication Refused(StatusCode code, string why) => new(null, new(code, why));
}
