using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace ModuleController.Dev.ArkletSimulator;

/// <summary>The parts of a request's head that are used here.</summary>
internal sealed record RequestHead(string Method, string Target, int ContentLength, bool ExpectsContinue, bool Closes)
{
    public string Path => Target.Split('?', 2)[0];

    public static RequestHead? Parse(string head)
    {
        var lines = head.Split("\r\n");
        if (lines[0].Split(' ') is not [var method, var target, _]) return null;
        return new(
            method, target, int.TryParse(Header("Content-Length"), CultureInfo.InvariantCulture, out var length) ? length : 0,
            Header("Expect").Equals("100-continue", StringComparison.OrdinalIgnoreCase),
            Header("Connection").Equals("close", StringComparison.OrdinalIgnoreCase));

        string Header(string name) => lines.Skip(1).Select(l => l.Split(':', 2))
            .Where(h => h.Length == 2 && h[0].Equals(name, StringComparison.OrdinalIgnoreCase))
            .Select(h => h[1].Trim()).FirstOrDefault("");
    }
}

/// <summary>Reads requests from one connection. Null: the client disconnected before its request was complete.</summary>
internal sealed class RequestReader(Socket socket)
{
    private const int MaxHead = 16 * 1024;
    private byte[] _buffer = new byte[2048];
    private int _count;

    public async Task<RequestHead?> ReadHeadAsync(CancellationToken cancellation)
    {
        int end;
        while ((end = _buffer.AsSpan(0, _count).IndexOf("\r\n\r\n"u8)) < 0)
            if (_count > MaxHead || !await FillAsync(cancellation)) return null;
        var head = Encoding.ASCII.GetString(_buffer, 0, end);
        Take(end + 4);
        return RequestHead.Parse(head);
    }

    public async Task<byte[]?> ReadBodyAsync(int length, CancellationToken cancellation)
    {
        while (_count < length)
            if (!await FillAsync(cancellation)) return null;
        var body = _buffer[..length];
        Take(length);
        return body;
    }

    /// <summary>Waits until the client disconnects. What it sends is ignored.</summary>
    public async Task DrainAsync(CancellationToken cancellation)
    {
        while (await FillAsync(cancellation)) _count = 0;
    }

    private void Take(int length)
    {
        _buffer.AsSpan(length, _count - length).CopyTo(_buffer);
        _count -= length;
    }

    private async Task<bool> FillAsync(CancellationToken cancellation)
    {
        if (_count == _buffer.Length) Array.Resize(ref _buffer, _buffer.Length * 2);
        var read = await socket.ReceiveAsync(_buffer.AsMemory(_count), cancellation);
        _count += read;
        return read > 0;
    }
}
