using System.Net;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace ModuleController.ControlPlane.Web;

/// <summary>What the controller's servers have in common.</summary>
internal static class Ports
{
    public static void AddLifetime(IServiceCollection services)
    {
        // Signals are the program's business: in tests several controllers live in one process.
        services.AddSingleton<IHostLifetime, NoLifetime>();
        // The streams have ended before; what is left are connections that their clients don't close.
        services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(2));
    }

    public static void Listen(KestrelServerOptions kestrel, IPAddress? address, int port, Action<ListenOptions> configure)
    {
        // Kestrel takes port 0, any free one, only with a single address.
        if (address is null && port != 0) kestrel.ListenAnyIP(port, configure);
        else kestrel.Listen(address ?? IPAddress.Loopback, port, configure);
    }

    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
