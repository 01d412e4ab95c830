using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;
using ModuleController.Kube.Client;
using ModuleController.SystemTests.Harness;

namespace ModuleController.SystemTests.Autoscaling;

/// <summary>The external metrics API of a cluster, served by the test: an HTTPS server on this machine, and an APIService whose
/// Service is a name for its address.</summary>
internal sealed class ExternalMetrics : IAsyncDisposable
{
    private const string GroupVersion = "external.metrics.k8s.io/v1beta1";
    private const string Api = "v1beta1.external.metrics.k8s.io";

    private const string GroupsType = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

    /// <summary>Without it the API server reports the group as stale.</summary>
    private static readonly object Groups = new
    {
        kind = "APIGroupDiscoveryList",
        apiVersion = "apidiscovery.k8s.io/v2",
        metadata = new { },
        items = new[]
        {
            new { metadata = new { name = "external.metrics.k8s.io" },
                versions = new[] { new { version = "v1beta1", resources = Array.Empty<object>() } } },
        },
    };

    private readonly X509Certificate2 _certificate = SelfSigned();
    private readonly ConcurrentDictionary<string, int> _values = new();
    private readonly Harness.Kubectl _kubectl;
    private readonly WebApplication _app;
    private bool _isRegistered;

    private ExternalMetrics(Harness.Kubectl kubectl, IPAddress address)
    {
        _kubectl = kubectl;
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration().ConfigureKestrel(kestrel => kestrel.Listen(address, 0, Serve));
        _app = builder.Build();
        _app.Run(AnswerAsync);

        void Serve(ListenOptions listen) => listen.UseHttps(_certificate);
    }

    /// <summary>Serves the API, or skips the test where the cluster has one already or can't reach this machine.</summary>
    public static async Task<ExternalMetrics> ServeAsync(World world, Harness.Kubectl kubectl)
    {
        var (known, _) = await kubectl.TryAsync("get", "apiservice", Api);
        Assert.SkipWhen(known == 0, $"the cluster has an APIService {Api}, which the test would replace");
        var address = AddressFor(world);
        var metrics = new ExternalMetrics(kubectl, address);
        try
        {
            await metrics._app.StartAsync(TestContext.Current.CancellationToken);
            await metrics.RegisterAsync(address, new Uri(metrics._app.Urls.Single()).Port);
            return metrics;
        }
        catch
        {
            await metrics.DisposeAsync();
            throw;
        }
    }

    /// <summary>Sets the value of the metric that has this label: <c>queue=orders</c>.</summary>
    public void Set(string label, int value) => _values[label] = value;

    /// <summary>The APIService belongs to the whole cluster, and is deleted before its server stops.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_isRegistered) await _kubectl.TryAsync("delete", "apiservice", Api, "--ignore-not-found");
        await _app.DisposeAsync();
        _certificate.Dispose();
    }

    private async Task RegisterAsync(IPAddress address, int port)
    {
        _isRegistered = true;
        await _kubectl.ApplyAsync($$"""
            apiVersion: v1
            kind: Service
            metadata: {name: external-metrics}
            spec: {type: ExternalName, externalName: {{address}}}
            """);
        var ns = await _kubectl.RunAsync("get", "service", "external-metrics", "-o", "jsonpath={.metadata.namespace}");
        await _kubectl.ApplyAsync($$"""
            apiVersion: apiregistration.k8s.io/v1
            kind: APIService
            metadata: {name: {{Api}}}
            spec:
              group: external.metrics.k8s.io
              version: v1beta1
              groupPriorityMinimum: 100
              versionPriority: 100
              insecureSkipTLSVerify: true
              service: {name: external-metrics, namespace: {{ns}}, port: {{port}}}
            """);
        var (exitCode, output) = await _kubectl.TryAsync("wait", "--for=condition=Available", $"apiservice/{Api}", "--timeout=60s");
        Assert.SkipUnless(exitCode == 0, $"the API server can't reach this machine at {address}:{port}: {output}");
    }

    private async Task AnswerAsync(HttpContext context)
    {
        object? answer = context.Request.Path.Value!.Trim('/').Split('/') switch
        {
            ["apis"] => Groups,
            ["apis", "external.metrics.k8s.io", "v1beta1"] =>
                new { kind = "APIResourceList", apiVersion = "v1", groupVersion = GroupVersion, resources = Array.Empty<object>() },
            ["apis", _, _, "namespaces", _, var metric] => Values(metric, context.Request.Query["labelSelector"].ToString()),
            _ => null,
        };
        if (answer is null) context.Response.StatusCode = StatusCodes.Status404NotFound;
        else await context.Response.WriteAsJsonAsync(answer, options: null, answer == Groups
            ? GroupsType : "application/json", context.RequestAborted);
    }

    private object Values(string metric, string label) => new
    {
        kind = "ExternalMetricValueList",
        apiVersion = GroupVersion,
        metadata = new { },
        items = new[]
        {
            new
            {
                metricName = metric,
                metricLabels = new { },
                timestamp = $"{TimeProvider.System.GetUtcNow():yyyy-MM-dd'T'HH:mm:ss'Z'}",
                value = $"{_values.GetValueOrDefault(label)}",
            },
        },
    };

    /// <summary>The address of this machine under which the API server can reach it.</summary>
    private static IPAddress AddressFor(World world)
    {
        using var transport = Transport.FromKubeconfig(world.Kubeconfig);
        var server = Dns.GetHostAddresses(transport.BaseUri.Host)[0];
        using var socket = new Socket(server.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        socket.Connect(server, transport.BaseUri.Port);
        return ((IPEndPoint)socket.LocalEndPoint!).Address;
    }

    private static X509Certificate2 SelfSigned()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=external-metrics", key, HashAlgorithmName.SHA256);
        var now = TimeProvider.System.GetUtcNow();
        return request.CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
    }
}
