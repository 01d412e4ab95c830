using Google.Protobuf;
using Grpc.Core;
using ModuleController.Protocol.V1;

namespace ModuleController.ControlPlane.Agents;

/// <summary>Reads a stream, whose end and whose failures are values.</summary>
internal static class StreamReads
{
    /// <summary>The next message, or with none how the stream ended.</summary>
    public static async Task<(ConnectRequest? Message, Status End)> NextAsync(
        IAsyncStreamReader<ConnectRequest> reader, CancellationToken cancellation)
    {
        try
        {
            return await reader.MoveNext(cancellation)
                ? (reader.Current, Status.DefaultSuccess)
                : (null, new(StatusCode.OK, "the agent ended the stream"));
        }
        catch (Exception exception) when (ToStatus(exception) is { } status)
        {
            return (null, status);
        }
    }

    /// <summary>The status for an exception of a read or write of a stream; null: it is a bug.</summary>
    public static Status? ToStatus(Exception exception) => exception switch
    {
        // The library's status for a message above the limit. The protocol has one status for all exceeded limits.
        RpcException { StatusCode: StatusCode.ResourceExhausted } => new(StatusCode.InvalidArgument, "a message is above 1 MiB"),
        RpcException rpc => rpc.Status,
        // The second is thrown for a frame of an unknown form.
        InvalidProtocolBufferException or InvalidDataException => new(StatusCode.InvalidArgument, "a message can't be parsed"),
        // A stream whose call has ended meanwhile calls its use an invalid operation.
        OperationCanceledException or IOException or InvalidOperationException => new(StatusCode.Cancelled, "the connection was lost"),
        _ => null,
    };
}
