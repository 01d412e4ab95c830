using System.Security.Cryptography;
using Grpc.Core;
using ModuleController.ControlPlane;
using ModuleController.ControlPlane.Agents;
using ModuleController.SystemTests.Gateway;

namespace ModuleController.SystemTests.Identity;

/// <summary>What tests about tokens share.</summary>
internal static class TokenRig
{
    public const string Keys = "/openid/v1/jwks";

    public const string Reviews = "tokenreviews.authentication.k8s.io";

    public static readonly AgentOptions Strict = GatewayRig.Patient with { AllowInsecure = false };

    public static byte[] SignWith(RSA key, byte[] data) => key.SignData(data, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);

    public static long KeyReads(this GatewayRig rig) => rig.Requests("get", Keys);

    public static long TokenReviews(this GatewayRig rig) => rig.Requests("create", Reviews);

    /// <summary>How the stream of an agent ends that shows a token.</summary>
    public static async Task<Status> RefusedAsync(this GatewayRig rig, ControlPlaneHost controller, string token, string pod, string uid)
    {
        using var agent = rig.Connect(controller, token);
        // The stream may be refused by its headers, before the hello is out.
        await Task.WhenAny(agent.SayAsync(Messages.Hello(pod, uid)));
        return await agent.EndedAsync();
    }
}
