using Google.Protobuf.WellKnownTypes;
using Google.Rpc;
using Grpc.Core;
using ModuleController.ControlPlane.Access;

namespace ModuleController.ControlPlane.Control.Requests;

/// <summary>The statuses by which calls are refused.</summary>
internal static class Refusal
{
    public static RpcException Of(StatusCode code, string why) => new(new(code, why));

    /// <summary>Throws where the API server gave no answer.</summary>
    public static void UnlessAsked(ReviewOutcome outcome)
    {
        if (outcome == ReviewOutcome.Unavailable)
            throw Of(StatusCode.Unavailable, "the API server could not be asked about the caller: try again");
        if (outcome == ReviewOutcome.Busy)
            throw Of(StatusCode.ResourceExhausted, "too many callers wait for the API server: try again later");
    }

    /// <summary>One field is wrong.</summary>
    public static RpcException Invalid(string field, string why) => Invalid([new() { Field = field, Description = why }]);

    /// <summary>Names all wrong fields, for people in the message and for programs in the details.</summary>
    public static RpcException Invalid(IReadOnlyCollection<BadRequest.Types.FieldViolation> violations) => new Google.Rpc.Status
    {
        Code = (int)StatusCode.InvalidArgument,
        Message = string.Join("; ", violations.Select(violation => $"{violation.Field}: {violation.Description}")),
        Details = { Any.Pack(new BadRequest { FieldViolations = { violations } }) },
    }.ToRpcException();
}
