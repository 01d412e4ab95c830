using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace ModuleController.Tests;

/// <summary>What a pod's hooks are answered by: keeps what came, and answers what the test says, or not at all.</summary>
public sealed class HookServer : IDisposable
{
    private readonly TcpListener _listener;
    private readonly CancellationTokenSource _ending = new();
    private readonly CancellationToken _ended;
    private readonly ConcurrentQueue<HookRequest> _requests = new();
    private TaskCompletionSource _hanging = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public HookServer(IPAddress? address = null, int port = 0)
    {
        _ended = _ending.Token;
        _listener = new TcpListener(address ?? IPAddress.Loopback, port);
        _listener.Start();
        _ = Task.Run(AcceptAsync);
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>The status of an answer; null: none ever comes.</summary>
    public Func<HookRequest, int?> Answer { get; set; } = _ => 200;

    /// <summary>Called before a request is answered.</summary>
    public Action<HookRequest> Called { get; set; } = _ => { };

    public IReadOnlyList<HookRequest> Requests => [.. _requests];

    public IReadOnlyList<string> Events => [.. _requests.Select(request => request.Event)];

    /// <summary>Breaks the connections of all that wait for an answer.</summary>
    public void HangUp() => Interlocked.Exchange(ref _hanging, new(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();

    public void Dispose()
    {
        if (_ended.IsCancellationRequested) return;
        _ending.Cancel();
        _ending.Dispose();
        _listener.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (true)
        {
            TcpClient client;
            try
            {
                client = await _listener.AcceptTcpClientAsync(_ended);
            }
            catch (Exception end) when (end is OperationCanceledException or SocketException or ObjectDisposedException)
            {
                return;
            }

            _ = Task.Run(() => ServeAsync(client, _ended));
        }
    }

    private async Task ServeAsync(TcpClient client, CancellationToken cancellation)
    {
        using var _ = client;
        try
        {
            var request = await ReadAsync(client.GetStream(), cancellation);
            // Taken before anybody sees the request: who hangs up after that means this one, too.
            var hanging = Volatile.Read(ref _hanging).Task;
            _requests.Enqueue(request);
            Called(request);
            if (Answer(request) is not { } status)
            {
                await hanging.WaitAsync(cancellation);
                return;
            }

            var body = status is >= 200 and < 300 ? "" : "no, not now";
            var head = $"HTTP/1.1 {status} Said\r\nContent-Length: {body.Length}\r\nLocation: /elsewhere\r\nConnection: close\r\n\r\n{body}";
            await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(head), cancellation);
        }
        catch (Exception end) when (end is OperationCanceledException or IOException or ObjectDisposedException)
        {
            // Who called has gone, or the test is over.
        }
    }

    private static async Task<HookRequest> ReadAsync(NetworkStream stream, CancellationToken cancellation)
    {
        var text = new StringBuilder();
        var buffer = new byte[4096];
        while (true)
        {
            var read = await stream.ReadAsync(buffer, cancellation);
            if (read == 0) throw new IOException("no whole request came");
            text.Append(Encoding.UTF8.GetString(buffer, 0, read));
            if (text.ToString().Split("\r\n\r\n", 2) is not [var head, var body]) continue;
            var length = head.Split("\r\n").First(line => line.StartsWith("Content-Length:", StringComparison.OrdinalIgnoreCase))[15..];
            if (Encoding.UTF8.GetByteCount(body) < int.Parse(length, System.Globalization.CultureInfo.InvariantCulture)) continue;
            var line = head.Split(' ');
            return new(line[0], line[1], JsonDocument.Parse(body).RootElement.Clone());
        }
    }
}

/// <summary>One call of a hook.</summary>
public sealed record HookRequest(string Method, string Path, JsonElement Body)
{
    public string Event => Text("event");

    /// <summary>A field of the body by its path: <c>module.name</c>.</summary>
    public string Text(string path) =>
        path.Split('.').Aggregate(Body, (node, name) => node.GetProperty(name)).ToString();
}
