using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace ModuleController.Dev.ArkletSimulator;

/// <summary>
/// Arklet's port, byte for byte: a status line and no headers, the end of the answer is the end of the connection. A
/// command runs on the loop that owns its connection, so others of that loop wait; a complete request runs even when
/// its client has disconnected, an incomplete one never does.
/// </summary>
internal sealed class ArkletEndpoint(ArkletCommands commands, PauseGate gate, int workerLoops, CancellationToken life)
{
    private const int MaxBody = 1024 * 1024;
    private static readonly JsonDocumentOptions Lenient = new() { AllowTrailingCommas = true, CommentHandling = JsonCommentHandling.Skip };

    private readonly SemaphoreSlim[] _loops = [.. Enumerable.Range(0, workerLoops).Select(_ => new SemaphoreSlim(1))];

    public async Task ServeAsync(Socket socket, int number, CancellationToken cut)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cut, life);
        var loop = _loops[number % _loops.Length];
        var reader = new RequestReader(socket);
        if (await reader.ReadHeadAsync(either.Token) is not { } head) return;
        if (head.ContentLength > MaxBody)
        {
            await OnLoopAsync(loop, () => SendAsync(socket, "HTTP/1.1 413 Request Entity Too Large\r\ncontent-length: 0\r\n\r\n"));
            return;
        }

        if (head.ExpectsContinue) await OnLoopAsync(loop, () => SendAsync(socket, "HTTP/1.1 100 Continue\r\n\r\n"));
        if (await reader.ReadBodyAsync(head.ContentLength, either.Token) is not { } body) return;
        if (await OnLoopAsync(loop, () => AnswerAsync(socket, head, body))) return;
        await reader.DrainAsync(either.Token);
    }

    /// <summary>False: there is no answer, and the connection stays open.</summary>
    private async Task<bool> AnswerAsync(Socket socket, RequestHead head, byte[] body)
    {
        if (head.Method != "POST")
            return await SendAsync(
                socket, "HTTP/1.1 500 Internal Server Error\r\nContent_Length: 42\r\n\r\nPOST http request only supported by arklet");
        if (!TryParse(body, out var input)) return false;
        var answer = await commands.RunAsync(head.Path.TrimStart('/'), input, life);
        return await SendAsync(socket, "HTTP/1.1 200 OK\r\n\r\n" + answer);
    }

    private async Task<bool> OnLoopAsync(SemaphoreSlim loop, Func<Task<bool>> run)
    {
        await loop.WaitAsync(life);
        try
        {
            await gate.PassAsync(life);
            return await run();
        }
        finally
        {
            loop.Release();
        }
    }

    private static async Task<bool> SendAsync(Socket socket, string text)
    {
        try
        {
            await socket.SendAsync(Encoding.UTF8.GetBytes(text));
        }
        catch (SocketException)
        {
            // the client disconnected; the command has run
        }

        return true;
    }

    /// <summary>Parsing is outside of Arklet's error handling: a body that is not an object is never answered.</summary>
    private static bool TryParse(byte[] body, out JsonObject? input)
    {
        input = null;
        if (body.Length == 0) return true;
        try
        {
            var node = JsonNode.Parse(body, null, Lenient);
            input = node as JsonObject;
            return node is null or JsonObject;
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
