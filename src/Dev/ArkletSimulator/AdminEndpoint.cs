using System.Globalization;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace ModuleController.Dev.ArkletSimulator;

/// <summary>
/// Behaviors and counters, for a simulator that is a process: <c>GET /stats</c>; <c>POST /behaviour</c> with
/// <c>{"biz":"name[:version]", "installMillis":…, "failCause":…, "hangs":…, …}</c>;
/// <c>POST /restart</c>, <c>/hang</c>, <c>/resume</c>.
/// </summary>
internal sealed class AdminEndpoint(SimulatedBase simulated)
{
    private static readonly JsonSerializerOptions Web = new(JsonSerializerDefaults.Web);

    public async Task ServeAsync(Socket socket, CancellationToken cut)
    {
        var reader = new RequestReader(socket);
        while (await reader.ReadHeadAsync(cut) is { } head)
        {
            if (head.ExpectsContinue) await socket.SendAsync("HTTP/1.1 100 Continue\r\n\r\n"u8.ToArray(), cut);
            if (await reader.ReadBodyAsync(head.ContentLength, cut) is not { } body) return;
            var (status, answer) = await AnswerAsync(head, body);
            await socket.SendAsync(
                Encoding.UTF8.GetBytes(string.Create(
                    CultureInfo.InvariantCulture,
                    $"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n"
                    + $"Content-Length: {Encoding.UTF8.GetByteCount(answer)}\r\n\r\n{answer}")), cut);
            if (head.Closes) return;
        }
    }

    private async Task<(string Status, string Body)> AnswerAsync(RequestHead head, byte[] body)
    {
        switch (head.Method, head.Path)
        {
            case ("GET", "/stats"):
                return Ok(new { lives = simulated.Statistics, biz = simulated.Biz });
            case ("POST", "/behaviour"):
                return Order(body);
            case ("POST", "/restart"):
                await simulated.RestartAsync();
                return Ok(new { });
            case ("POST", "/hang"):
                simulated.Hang();
                return Ok(new { });
            case ("POST", "/resume"):
                simulated.Resume();
                return Ok(new { });
            default:
                return ("404 Not Found", "{}");
        }
    }

    private (string Status, string Body) Order(byte[] body)
    {
        try
        {
            var order = JsonSerializer.Deserialize<BehaviorOrder>(body, Web);
            if (order?.Biz is null) return ("400 Bad Request", """{"message":"biz is missing"}""");
            simulated.Order(order.Biz, order.ToBehavior());
            return Ok(new { });
        }
        catch (JsonException e)
        {
            return ("400 Bad Request", JsonSerializer.Serialize(new { message = e.Message }, Web));
        }
    }

    private static (string Status, string Body) Ok(object value) => ("200 OK", JsonSerializer.Serialize(value, Web));

    private sealed record BehaviorOrder(
        string? Biz, long? InstallMillis, long? UninstallMillis, string? FailCause, string? SwitchFailCause, bool? Hangs, bool? Exits,
        bool? IsPlain, long? MetaspaceBytes, long? CommittedMetaspaceBytes)
    {
        public BizBehavior ToBehavior() => new()
        {
            InstallTime = InstallMillis is { } install ? TimeSpan.FromMilliseconds(install) : null,
            UninstallTime = UninstallMillis is { } uninstall ? TimeSpan.FromMilliseconds(uninstall) : null,
            FailCause = FailCause,
            SwitchFailCause = SwitchFailCause,
            Hangs = Hangs,
            Exits = Exits,
            IsPlain = IsPlain,
            MetaspaceBytes = MetaspaceBytes,
            CommittedMetaspaceBytes = CommittedMetaspaceBytes,
        };
    }
}
