using System.Net;
using System.Net.Sockets;
using System.Text;

namespace ModuleController.Agent.Tests.EndToEnd;

/// <summary>
/// Stands between agent and Arklet and keeps the answer to an install to itself: the moment between Arklet's answer and
/// the journal's result, for as long as a test needs it.
/// </summary>
public sealed class HoldingProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _ending = new();
    private readonly TaskCompletionSource<string> _held = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly string _host;
    private readonly int _port;
    private readonly string _command;
    private readonly Task _accepting;
    private int _installs;

    public HoldingProxy(string host, int port, string command = "installBiz")
    {
        (_host, _port, _command) = (host, port, command);
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Arklet's answer, complete, which the agent has not seen.</summary>
    public Task<string> Held => _held.Task;

    /// <summary>How many such commands were passed on.</summary>
    public int Passed => Volatile.Read(ref _installs);

    public async ValueTask DisposeAsync()
    {
        await _ending.CancelAsync();
        _listener.Dispose();
        await _accepting.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _ending.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (true)
        {
            var client = await _listener.AcceptTcpClientAsync(_ending.Token);
            _ = ServeAsync(client);
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using (client)
        using (var server = new TcpClient())
        {
            try
            {
                await server.ConnectAsync(_host, _port, _ending.Token);
                var (near, far) = (client.GetStream(), server.GetStream());
                var first = new byte[4096];
                var count = await near.ReadAsync(first, _ending.Token);
                await far.WriteAsync(first.AsMemory(0, count), _ending.Token);
                var holds = Encoding.ASCII.GetString(first, 0, count).StartsWith($"POST /{_command} ", StringComparison.Ordinal);
                var up = near.CopyToAsync(far, _ending.Token);
                if (holds) await HoldAsync(near, far);
                else await far.CopyToAsync(near, _ending.Token);
            }
            catch (Exception e) when (e is IOException or SocketException or OperationCanceledException)
            {
                // One side is gone, which is what the other one is to see.
            }
        }
    }

    private async Task HoldAsync(NetworkStream near, NetworkStream far)
    {
        Interlocked.Increment(ref _installs);
        var answer = new StringBuilder();
        var buffer = new byte[4096];
        while (await far.ReadAsync(buffer, _ending.Token) is var count and > 0)
        {
            answer.Append(Encoding.UTF8.GetString(buffer, 0, count));
            // The interim answer only says that somebody reads.
            if (!answer.ToString().StartsWith("HTTP/1.1 100", StringComparison.Ordinal) || !answer.ToString()
                .EndsWith("\r\n\r\n", StringComparison.Ordinal))
                continue;
            await near.WriteAsync(buffer.AsMemory(0, count), _ending.Token);
            answer.Clear();
        }

        _held.TrySetResult(answer.ToString());
        await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, _ending.Token);
    }
}
