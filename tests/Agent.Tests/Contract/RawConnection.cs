using System.Net.Sockets;
using System.Text;

namespace ModuleController.Agent.Tests.Contract;

/// <summary>One connection to a base, byte by byte: for what no HTTP client would send or notice.</summary>
internal sealed class RawConnection : IDisposable
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(90);
    private readonly Socket _socket = new(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };

    public static async Task<RawConnection> OpenAsync(IContractBase to, CancellationToken cancellation)
    {
        var connection = new RawConnection();
        await connection._socket.ConnectAsync(to.Host, to.ArkletPort, cancellation);
        return connection;
    }

    /// <summary>The whole answer to one request on a connection of its own, until the server closes it.</summary>
    public static async Task<string> AskAsync(IContractBase to, string request, CancellationToken cancellation)
    {
        using var connection = await OpenAsync(to, cancellation);
        await connection.SendAsync(request, cancellation);
        return await connection.ReadToEndAsync(cancellation);
    }

    public static string Post(string command, string body, string headers = "") =>
        $"POST /{command} HTTP/1.1\r\nHost: x\r\n{headers}Content-Length: {Encoding.UTF8.GetByteCount(body)}\r\n\r\n{body}";

    public async Task SendAsync(string text, CancellationToken cancellation) =>
        await _socket.SendAsync(Encoding.UTF8.GetBytes(text), cancellation);

    public async Task<string> ReadToEndAsync(CancellationToken cancellation)
    {
        var answer = new MemoryStream();
        while (await ReadAsync(Timeout, cancellation) is { Length: > 0 } part) answer.Write(part);
        return Encoding.UTF8.GetString(answer.ToArray());
    }

    /// <summary>What comes next; empty: the server closed; null: nothing within <paramref name="timeout"/>.</summary>
    public async Task<byte[]?> ReadAsync(TimeSpan timeout, CancellationToken cancellation)
    {
        var buffer = new byte[65536];
        using var limit = new CancellationTokenSource(timeout, TimeProvider.System);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellation);
        try
        {
            return buffer[..await _socket.ReceiveAsync(buffer, either.Token)];
        }
        catch (OperationCanceledException) when (limit.IsCancellationRequested)
        {
            return null;
        }
    }

    public void Dispose() => _socket.Dispose();
}
