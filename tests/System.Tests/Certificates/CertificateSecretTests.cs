using System.Net;
using System.Net.Security;
using System.Text;
using System.Text.Json.Nodes;
using Grpc.Core;
using ModuleController.ControlPlane;
using ModuleController.ControlPlane.Certificates;
using ModuleController.Core.Builtin.Configuration;
using ModuleController.Core.Meta;
using ModuleController.SystemTests.Gateway;

namespace ModuleController.SystemTests.Certificates;

/// <summary>A Secret that somebody else keeps: with --tls-secret it is used as it is.</summary>
public sealed class CertificateSecretTests
{
    private const string Host = "modulecontroller.default.svc";
    private static readonly ObjectKey Key = new("default", "modulecontroller-tls");
    private readonly CertificatePair _authority = CertificateMaker.CreateAuthority(Now.AddMinutes(-5), Now.AddDays(1));

    private static DateTimeOffset Now => TimeProvider.System.GetUtcNow();

    [Fact]
    public async Task A_controller_is_ready_when_the_Secret_has_a_certificate_and_refuses_connections_before()
    {
        await using var rig = await GatewayRig.StartAsync();
        var controller = await StartAsync(rig);
        var uid = await rig.CreatePodAsync("base-0");

        await Eventually.True(async () => await ReadyAsync(controller) == (HttpStatusCode.ServiceUnavailable,
            "there is no serving certificate yet\n"));
        await Assert.ThrowsAsync<RpcException>(() => Connect(rig, controller).GreetAsync("base-0", uid));

        await CreateAsync(rig, "garbage", "garbage");
        await Eventually.True(() => rig.Log.Any(line => line.Contains("can't be used", StringComparison.Ordinal)));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await ReadyAsync(controller)).Status);
        var pair = Issue(Now.AddDays(1));
        await ChangeAsync(rig, pair.Certificate, pair.Key);
        await Eventually.True(async () => (await ReadyAsync(controller)).Status == HttpStatusCode.OK);
        await Connect(rig, controller).GreetAsync("base-0", uid);
    }

    [Fact]
    public async Task A_stream_outlives_its_certificate_and_a_new_certificate_needs_no_restart()
    {
        await using var rig = await GatewayRig.StartAsync();
        var controller = await StartAsync(rig);
        var end = Now.AddSeconds(1);
        var brief = Issue(end);
        await CreateAsync(rig, brief.Certificate, brief.Key);
        await Eventually.True(async () => (await ReadyAsync(controller)).Status == HttpStatusCode.OK);
        var uid = await rig.CreatePodAsync("base-0");
        var stream = rig.Connect(controller, handler: TrustingAll());
        await stream.GreetAsync("base-0", uid);
        await Eventually.True(() => Now > end);
        await Assert.ThrowsAsync<RpcException>(() => Connect(rig, controller).GreetAsync("base-0", uid));

        await stream.SayAsync(Messages.Snapshot(1));
        await Eventually.True(() => controller.Agents.Find(GatewayRig.Pod("base-0"), uid)?.IsCurrent == true);

        var renewed = Issue(Now.AddDays(1));
        await ChangeAsync(rig, renewed.Certificate, renewed.Key);
        var other = await rig.CreatePodAsync("base-1");
        await Eventually.True(async () => await Connect(rig, controller).GreetAsync("base-1", other) is not null);
        await stream.SayAsync(Messages.Snapshot(2));
        Assert.True(controller.Agents.Find(GatewayRig.Pod("base-0"), uid)!.IsConnected);
    }

    [Fact]
    public async Task While_the_Secret_is_garbage_or_missing_the_last_certificate_stays_in_use()
    {
        await using var rig = await GatewayRig.StartAsync();
        var controller = await StartAsync(rig);
        var pair = Issue(Now.AddDays(1));
        await CreateAsync(rig, pair.Certificate, pair.Key);
        await Eventually.True(async () => (await ReadyAsync(controller)).Status == HttpStatusCode.OK);
        var uid = await rig.CreatePodAsync("base-0");

        await ChangeAsync(rig, "garbage", pair.Key);
        await Eventually.True(() => rig.Log.Any(line => line.Contains("can't be used", StringComparison.Ordinal)));
        await Connect(rig, controller).GreetAsync("base-0", uid);

        await rig.Client.DeleteAsync<Secret>(Key, cancellation: GatewayRig.Cancellation);
        await Eventually.True(() => rig.Log.Any(line => line.Contains("was deleted", StringComparison.Ordinal)));
        await Connect(rig, controller).GreetAsync("base-0", uid);
        Assert.Equal(HttpStatusCode.OK, (await ReadyAsync(controller)).Status);
    }

    private static Task<ControlPlaneHost> StartAsync(GatewayRig rig) =>
        rig.StartLeaderAsync(change: options => options with { TlsSecret = Key.Name });

    private static async Task<(HttpStatusCode Status, string Text)> ReadyAsync(ControlPlaneHost controller)
    {
        using var http = new HttpClient { BaseAddress = controller.HttpAddress };
        using var response = await http.GetAsync(new Uri("/readyz", UriKind.Relative), GatewayRig.Cancellation);
        return (response.StatusCode, await response.Content.ReadAsStringAsync(GatewayRig.Cancellation));
    }

    private CertificatePair Issue(DateTimeOffset notAfter) =>
        CertificateMaker.IssueServing(_authority, [Host], Now.AddMinutes(-5), notAfter);

    private AgentStream Connect(GatewayRig rig, ControlPlaneHost controller) =>
        rig.Connect(controller, handler: TlsHandlers.Trusting(_authority.Certificate, Host));

    private static SocketsHttpHandler TrustingAll() => new()
    {
        SslOptions = new()
        {
            RemoteCertificateValidationCallback = (_, _, _, errors) => (errors & SslPolicyErrors.RemoteCertificateNotAvailable) == 0,
        },
    };

    private static Task CreateAsync(GatewayRig rig, string certificate, string key) => rig.Client.CreateAsync(
        new Secret
        {
            Metadata = new() { Name = Key.Name, Namespace = Key.Namespace },
            Type = "kubernetes.io/tls",
            Data = new Dictionary<string, byte[]>
            {
                ["tls.crt"] = Encoding.UTF8.GetBytes(certificate),
                ["tls.key"] = Encoding.UTF8.GetBytes(key),
            },
        }, "test", GatewayRig.Cancellation);

    private static Task ChangeAsync(GatewayRig rig, string certificate, string key) => rig.Client.PatchAsync<Secret>(
        Key, new JsonObject
        {
            ["data"] = new JsonObject
            {
                ["tls.crt"] = Convert.ToBase64String(Encoding.UTF8.GetBytes(certificate)),
                ["tls.key"] = Convert.ToBase64String(Encoding.UTF8.GetBytes(key)),
            },
        }, new("test"), GatewayRig.Cancellation);
}
