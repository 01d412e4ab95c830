using System.Net.Sockets;
using System.Text.Json;
using ModuleController.Dev.Kubelet.Resources;

namespace ModuleController.Dev.Kubelet.Containers;

/// <summary>Carries out one probe of one container, once.</summary>
public sealed class Prober(HttpClient http, TimeProvider time)
{
    public async Task<bool> SucceedsAsync(
        Probe probe, Container container, string podIp, IContainer running, CancellationToken cancellation)
    {
        using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(probe.TimeoutSeconds ?? 1), time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellation);
        try
        {
            return probe switch
            {
                { HttpGet: { } get } => await GetAsync(get, container, podIp, either.Token),
                { TcpSocket: { } tcp } => await ConnectAsync(tcp, container, podIp, either.Token),
                { Exec.Command: { } command } => await running.ExecAsync(command, either.Token),
                _ => true,
            };
        }
        catch (Exception) when (!cancellation.IsCancellationRequested)
        {
            return false; // connection refused, timeout, or an unknown command
        }
    }

    private async Task<bool> GetAsync(HttpGet get, Container container, string podIp, CancellationToken cancellation)
    {
        var address = new UriBuilder("http", get.Host ?? podIp, PortOf(get.Port, container)).Uri;
        using var response = await http.GetAsync(
            new Uri(address, get.Path ?? "/"), HttpCompletionOption.ResponseHeadersRead, cancellation);
        return (int)response.StatusCode is >= 200 and < 400;
    }

    private static async Task<bool> ConnectAsync(
        TcpSocket tcp, Container container, string podIp, CancellationToken cancellation)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(tcp.Host ?? podIp, PortOf(tcp.Port, container), cancellation);
        return true;
    }

    private static int PortOf(JsonElement port, Container container) => port.ValueKind == JsonValueKind.Number
        ? port.GetInt32()
        : container.Ports.FirstOrDefault(named => named.Name == port.GetString())?.Port
            ?? throw new InvalidOperationException($"container \"{container.Name}\" has no port \"{port}\"");
}
