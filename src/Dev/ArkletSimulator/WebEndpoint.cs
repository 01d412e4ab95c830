using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace ModuleController.Dev.ArkletSimulator;

/// <summary>The base's Tomcat: its readiness, and <c>/&lt;web context path&gt;/hello</c> of each active module.</summary>
internal sealed class WebEndpoint(BizContainer container, PauseGate gate, Func<bool> isReady)
{
    public async Task ServeAsync(Socket socket, CancellationToken cut)
    {
        var reader = new RequestReader(socket);
        while (await reader.ReadHeadAsync(cut) is { } head)
        {
            if (await reader.ReadBodyAsync(head.ContentLength, cut) is null) return;
            await gate.PassAsync(cut);
            var (status, type, body) = Answer(head.Path);
            await socket.SendAsync(
                Encoding.UTF8.GetBytes(string.Create(
                    CultureInfo.InvariantCulture,
                    $"HTTP/1.1 {status}\r\nContent-Type: {type}\r\n"
                    + $"Content-Length: {Encoding.UTF8.GetByteCount(body)}\r\n\r\n{body}")), cut);
            if (head.Closes) return;
        }
    }

    private (string Status, string Type, string Body) Answer(string path) => path switch
    {
        "/" => ("200 ", "text/plain;charset=UTF-8", $"base, pid {Environment.ProcessId}"),
        "/actuator/health/readiness" or "/actuator/health" => isReady()
            ? ("200 ", "application/json", """{"status":"UP"}""")
            : ("503 ", "application/json", """{"status":"OUT_OF_SERVICE"}"""),
        "/actuator/health/liveness" => ("200 ", "application/json", """{"status":"UP"}"""),
        _ => OfModule(path) is { } text
            ? ("200 ", "text/plain;charset=UTF-8", text)
            : ("404 ", "application/json", $$"""{"status":404,"error":"Not Found","path":"{{path}}"}"""),
    };

    private string? OfModule(string path)
    {
        var split = path.LastIndexOf('/');
        var (context, page) = (path[..split].Trim('/'), path[(split + 1)..]);
        return container.Read(b => (b.WebContextPath, b.IsServing, Hello: $"{b.Name} {b.Version}"))
            .Where(b => b.IsServing && b.WebContextPath == context)
            .Select(b => page switch { "hello" => b.Hello, "health" => "UP", _ => null })
            .FirstOrDefault();
    }
}
