using System.Net;
using System.Net.Sockets;

namespace ModuleController.Dev.ArkletSimulator;

/// <summary>
/// A port whose connections are served by a delegate, without a thread of its own. It is bound from the beginning
/// and refuses connections until it is started.
/// </summary>
internal sealed class SocketServer : IAsyncDisposable
{
    private readonly Socket _listener;
    private readonly CancellationTokenSource _stop = new();
    private readonly Func<Socket, int, CancellationToken, Task> _serve;
    private Task _accepting = Task.CompletedTask;
    private volatile bool _isStarted;
    private volatile bool _isClosed;

    public SocketServer(IPEndPoint endpoint, Func<Socket, int, CancellationToken, Task> serve)
    {
        _serve = serve;
        _listener = new(endpoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            _listener.Bind(endpoint);
        }
        catch
        {
            _listener.Dispose();
            throw;
        }

        Port = ((IPEndPoint)_listener.LocalEndPoint!).Port;
    }

    public int Port { get; }

    public bool IsListening => !_isClosed;

    public void Start()
    {
        _listener.Listen(1024);
        _isStarted = true;
        _accepting = AcceptAsync();
    }

    /// <summary>Refuses new connections. Existing ones continue.</summary>
    /// <remarks>
    /// A process that is being started has copies of all descriptors of this one until it runs its own program: after closing alone
    /// the port would stay in use that long.
    /// </remarks>
    public void StopListening()
    {
        if (Interlocked.Exchange(ref _isClosed, true)) return;
        if (_isStarted) _listener.Shutdown(SocketShutdown.Both);
        _listener.Dispose();
    }

    /// <summary>Cuts all connections, like the end of a process.</summary>
    public async ValueTask DisposeAsync()
    {
        StopListening();
        await _stop.CancelAsync();
        await _accepting;
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        var open = new List<Task>();
        try
        {
            for (var number = 0; ; number++)
            {
                var socket = await _listener.AcceptAsync(_stop.Token);
                socket.NoDelay = true;
                open.RemoveAll(t => t.IsCompletedSuccessfully);
                open.Add(ServeAsync(socket, number));
            }
        }
        catch (Exception) when (_isClosed)
        {
            await Task.WhenAll(open);
        }
    }

    private async Task ServeAsync(Socket socket, int number)
    {
        using (socket)
            try
            {
                await _serve(socket, number, _stop.Token);
            }
            catch (Exception e) when (e is SocketException or OperationCanceledException)
            {
                // the client disconnected, or the simulator stops
            }
    }
}
