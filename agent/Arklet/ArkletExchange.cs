using System.Net.Sockets;
using System.Text;
using ModuleController.Core.Meta;

namespace ModuleController.Agent.Arklet;

/// <summary>How one request ended.</summary>
internal enum ExchangeOutcome
{
    /// <summary>A complete HTTP response was received.</summary>
    Answered,

    /// <summary>The connection was refused: nothing listens on the port.</summary>
    Refused,

    /// <summary>The body was not sent: no connection, or one that the JVM does not read.</summary>
    NotSent,

    /// <summary>The request was sent. Whether it runs is unknown.</summary>
    Lost,
}

/// <summary>One HTTP exchange with Arklet; <paramref name="ArrivedAt"/> is the monotonic time of the last byte.</summary>
internal readonly record struct Exchange(ExchangeOutcome Outcome, int Status, ReadOnlyMemory<byte> Body, string Problem, long ArrivedAt)
{
    public static Exchange Failed(ExchangeOutcome outcome, string problem) => new(outcome, 0, default, problem, 0);
}

/// <summary>
/// Sends one request on its own connection. Arklet answers without headers and closes the connection, so the response ends with the stream.
/// The body is sent only after Arklet answered <c>Expect: 100-continue</c>. The reason: a command runs on the Netty loop of its connection.
/// A connection of a loop that another command blocks would keep a request for minutes and run it long after it was given up. Without a
/// body, Arklet drops the request.
/// </summary>
internal sealed class ArkletExchange(ArkletOptions options, TimeProvider time)
{
    private const string Continue = "HTTP/1.1 100";
    private static readonly byte[] EndOfHead = "\r\n\r\n"u8.ToArray();

    public async Task<Exchange> SendAsync(string command, byte[] body, TimeSpan timeout, CancellationToken cancellation)
    {
        using var deadline = new CancellationTokenSource(timeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellation);
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        var isSent = false;
        try
        {
            if (!await WithinAsync(options.ConnectTimeout, (s, c) => s.ConnectAsync(options.Host, options.Port, c)))
                return Exchange.Failed(ExchangeOutcome.NotSent, $"no connection within {options.ConnectTimeout.TotalSeconds} s");

            await socket.SendAsync(Head(command, body.Length), either.Token);
            var reader = new AnswerReader(socket, options.MaxAnswerBytes);
            if (!await WithinAsync(options.ContinueTimeout, async (_, c) => await reader.ReadHeadAsync(c)))
                return Exchange.Failed(
                    ExchangeOutcome.NotSent, $"the connection was not read within {options.ContinueTimeout.TotalSeconds} s");

            if (reader.Head.StartsWith(Continue, StringComparison.Ordinal))
            {
                isSent = true;
                await socket.SendAsync(body, either.Token);
                await reader.ReadHeadAsync(either.Token);
            }

            var content = await reader.ReadToEndAsync(either.Token);
            return new(ExchangeOutcome.Answered, Status(reader.Head), content, "", time.GetTimestamp());
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionRefused)
        {
            return Exchange.Failed(ExchangeOutcome.Refused, "connection refused");
        }
        catch (Exception e) when (e is SocketException or IOException or OperationCanceledException)
        {
            var problem = e is OperationCanceledException ? "no answer in time" : ExceptionText.Of(e);
            return Exchange.Failed(isSent ? ExchangeOutcome.Lost : ExchangeOutcome.NotSent, problem);
        }

        // False: this step timed out. The timeout of the whole exchange is an exception.
        async Task<bool> WithinAsync(TimeSpan limit, Func<Socket, CancellationToken, ValueTask> step)
        {
            using var own = new CancellationTokenSource(limit, time);
            using var all = CancellationTokenSource.CreateLinkedTokenSource(own.Token, either.Token);
            try
            {
                await step(socket, all.Token);
                return true;
            }
            catch (OperationCanceledException) when (own.IsCancellationRequested && !either.IsCancellationRequested)
            {
                return false;
            }
        }
    }

    private byte[] Head(string command, int length) => Encoding.ASCII.GetBytes(
        $"POST /{command} HTTP/1.1\r\nHost: {options.Host}:{options.Port}\r\nContent-Type: application/json\r\n" +
        $"Content-Length: {length}\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n");

    private static int Status(string head) =>
        head.Split(' ') is [var protocol, var status, ..] && protocol.StartsWith("HTTP/1.", StringComparison.Ordinal)
            && int.TryParse(status.AsSpan().TrimEnd(), out var number)
            ? number
            : throw new IOException("the answer is not HTTP");

    /// <summary>Reads the heads and the body of one connection into one buffer of limited size.</summary>
    private sealed class AnswerReader(Socket socket, int limit)
    {
        private byte[] _buffer = new byte[8192];
        private int _count;
        private int _start;

        public string Head { get; private set; } = "";

        public async ValueTask ReadHeadAsync(CancellationToken cancellation)
        {
            int end;
            while ((end = _buffer.AsSpan(_start, _count - _start).IndexOf(EndOfHead)) < 0)
                if (!await FillAsync(cancellation)) throw new IOException("the connection was closed before an answer");
            Head = Encoding.ASCII.GetString(_buffer, _start, end);
            _start += end + EndOfHead.Length;
        }

        public async Task<ReadOnlyMemory<byte>> ReadToEndAsync(CancellationToken cancellation)
        {
            while (await FillAsync(cancellation)) { }
            return _buffer.AsMemory(_start, _count - _start);
        }

        private async Task<bool> FillAsync(CancellationToken cancellation)
        {
            if (_count > limit) throw new IOException($"the answer is larger than {limit} bytes");
            if (_count == _buffer.Length) Array.Resize(ref _buffer, _buffer.Length * 2);
            var read = await socket.ReceiveAsync(_buffer.AsMemory(_count), cancellation);
            _count += read;
            return read > 0;
        }
    }
}
