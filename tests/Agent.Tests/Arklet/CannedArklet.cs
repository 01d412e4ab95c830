using System.Net;
using System.Net.Sockets;
using System.Text;
using ModuleController.Agent.Arklet;

namespace ModuleController.Agent.Tests.Arklet;

/// <summary>Answers each connection with prepared bytes; for what no Arklet of one version would ever say.</summary>
internal sealed class CannedArklet : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _running;
    private readonly List<string> _requests = [];

    /// <param name="answer">
    /// What the connection of this number (from 0) gets after its whole request; null: it is not even read.
    /// </param>
    public CannedArklet(Func<int, byte[]?> answer)
    {
        _listener.Start();
        _running = ServeAsync(answer);
    }

    public static CannedArklet Saying(string json) => new(_ => Answer(json));

    public static byte[] Answer(string json) => Encoding.UTF8.GetBytes("HTTP/1.1 200 OK\r\n\r\n" + json);

    public IReadOnlyList<string> Requests { get { lock (_requests) return [.. _requests]; } }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    public ArkletClient Client(TimeSpan? limit = null)
    {
        var timeout = limit ?? TimeSpan.FromSeconds(20);
        return new(
            new ArkletOptions("127.0.0.1", Port) { ContinueTimeout = timeout, QueryTimeout = timeout, MaxAnswerBytes = 5_000_000 },
            TimeProvider.System);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Dispose();
        await _running;
        _stop.Dispose();
    }

    private async Task ServeAsync(Func<int, byte[]?> answer)
    {
        var sockets = new List<Socket>();
        try
        {
            for (var number = 0; ; number++)
            {
                var socket = await _listener.AcceptSocketAsync(_stop.Token);
                sockets.Add(socket);
                if (answer(number) is not { } bytes) continue;
                await AnswerAsync(socket, bytes);
                socket.Dispose();
            }
        }
        catch (Exception) when (_stop.IsCancellationRequested)
        {
            sockets.ForEach(s => s.Dispose());
        }
    }

    private async Task AnswerAsync(Socket socket, byte[] bytes)
    {
        var buffer = new byte[65536];
        var head = Encoding.UTF8.GetString(buffer, 0, await socket.ReceiveAsync(buffer, _stop.Token));
        await socket.SendAsync("HTTP/1.1 100 Continue\r\n\r\n"u8.ToArray(), _stop.Token);
        var body = Encoding.UTF8.GetString(buffer, 0, await socket.ReceiveAsync(buffer, _stop.Token));
        lock (_requests) _requests.Add(head + body);
        await socket.SendAsync(bytes, _stop.Token);
    }
}
