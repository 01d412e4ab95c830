using Grpc.Core;
using Grpc.Net.Client;
using ModuleController.Protocol.V1;

namespace ModuleController.SystemTests.Gateway;

/// <summary>The other end of a stream: a real client on a connection of its own that sends what the test asks for.</summary>
internal sealed class AgentStream : IDisposable
{
    // Bytes instead of messages, so that what no message holds can be sent too.
    private static readonly Method<byte[], ConnectResponse> Connect = new(
        MethodType.DuplexStreaming, "modulecontroller.agent.v1.AgentService", "Connect",
        Marshallers.Create(bytes => bytes, bytes => bytes),
        Marshallers.Create(message => Google.Protobuf.MessageExtensions.ToByteArray(message), ConnectResponse.Parser.ParseFrom));

    private readonly GrpcChannel _channel;
    private readonly AsyncDuplexStreamingCall<byte[], ConnectResponse> _call;

    public AgentStream(Uri address, string? token, HttpMessageHandler? handler)
    {
        _channel = GrpcChannel.ForAddress(address, new() { HttpHandler = handler, DisposeHttpClient = true });
        var headers = new Metadata();
        if (token is not null) headers.Add("authorization", $"Bearer {token}");
        _call = _channel.CreateCallInvoker().AsyncDuplexStreamingCall(Connect, null, new(headers));
    }

    public Task SayAsync(ConnectRequest message) => SayAsync(Google.Protobuf.MessageExtensions.ToByteArray(message));

    public Task SayAsync(byte[] bytes) => _call.RequestStream.WriteAsync(bytes, GatewayRig.Cancellation);

    public Task EndAsync() => _call.RequestStream.CompleteAsync();

    /// <summary>Sends a hello, and waits for the welcome.</summary>
    public async Task<Welcome> GreetAsync(string pod, string uid, ulong highestEpoch = 0)
    {
        await SayAsync(Messages.Hello(pod, uid, highestEpoch));
        var answer = await NextAsync();
        Assert.Equal(ConnectResponse.MessageOneofCase.Welcome, answer.MessageCase);
        return answer.Welcome;
    }

    public async Task<ConnectResponse> NextAsync()
    {
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(GatewayRig.Cancellation);
        timeout.CancelAfter(Eventually.Deadline);
        Assert.True(await _call.ResponseStream.MoveNext(timeout.Token), "the stream ended without a message");
        return _call.ResponseStream.Current;
    }

    /// <summary>How the controller ends the stream, whatever comes before; the trailers where asked for.</summary>
    public async Task<Status> EndedAsync()
    {
        await Eventually.Ends(DrainAsync());
        return _call.GetStatus();
    }

    public string? Trailer(string name) => _call.GetTrailers().GetValue(name);

    public void Dispose()
    {
        _call.Dispose();
        _channel.Dispose();
    }

    private async Task DrainAsync()
    {
        try
        {
            while (await _call.ResponseStream.MoveNext(GatewayRig.Cancellation))
            {
                // What was on its way.
            }
        }
        catch (RpcException)
        {
            // The status says it.
        }
    }
}
