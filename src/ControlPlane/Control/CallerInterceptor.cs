using Grpc.Core;
using Grpc.Core.Interceptors;
using ModuleController.ControlPlane.Access;
using ModuleController.ControlPlane.Control.Requests;

namespace ModuleController.ControlPlane.Control;

/// <summary>Identifies the caller before each call, and lets none in before the caches are synced.</summary>
internal sealed class CallerInterceptor(Callers callers, Func<bool> isSynced) : Interceptor
{
    // Health and reflection: they show nothing of the cluster.
    private const string Open = "/grpc.";

    /// <summary>Who calls.</summary>
    public static Caller Of(ServerCallContext context) => (Caller)context.UserState[typeof(Caller)];

    public override async Task<TResponse> UnaryServerHandler<TRequest, TResponse>(
        TRequest request, ServerCallContext context, UnaryServerMethod<TRequest, TResponse> continuation)
    {
        await AdmitAsync(context);
        return await continuation(request, context);
    }

    public override async Task ServerStreamingServerHandler<TRequest, TResponse>(
        TRequest request, IServerStreamWriter<TResponse> responseStream, ServerCallContext context,
        ServerStreamingServerMethod<TRequest, TResponse> continuation)
    {
        await AdmitAsync(context);
        await continuation(request, responseStream, context);
    }

    public override async Task<TResponse> ClientStreamingServerHandler<TRequest, TResponse>(
        IAsyncStreamReader<TRequest> requestStream, ServerCallContext context,
        ClientStreamingServerMethod<TRequest, TResponse> continuation)
    {
        await AdmitAsync(context);
        return await continuation(requestStream, context);
    }

    public override async Task DuplexStreamingServerHandler<TRequest, TResponse>(
        IAsyncStreamReader<TRequest> requestStream, IServerStreamWriter<TResponse> responseStream, ServerCallContext context,
        DuplexStreamingServerMethod<TRequest, TResponse> continuation)
    {
        await AdmitAsync(context);
        try
        {
            await continuation(requestStream, responseStream, context);
        }
        catch (IOException)
        {
            // Anyone can reset a stream of reflection, and must not fill the log with errors.
            throw Refusal.Of(StatusCode.Cancelled, "the caller has left");
        }
    }

    private async Task AdmitAsync(ServerCallContext context)
    {
        if (context.Method.StartsWith(Open, StringComparison.Ordinal)) return;
        var authorization = context.RequestHeaders.GetValue("authorization") ?? "";
        var (outcome, caller) = await callers.IdentifyAsync(authorization, context.CancellationToken);
        Refusal.UnlessAsked(outcome);
        if (caller is null)
        {
            throw Refusal.Of(
                StatusCode.Unauthenticated,
                authorization.Length == 0 ? "a bearer token is needed" : "the API server does not accept the bearer token");
        }

        if (!isSynced()) throw Refusal.Of(StatusCode.Unavailable, "this replica has not read the cluster yet: try again");
        context.UserState[typeof(Caller)] = caller;
    }
}
