using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;
using ModuleController.Dev.ApiServer.Storage;

namespace ModuleController.Kube.Tests.Conformance;

/// <summary>What a webhook received: where, and the AdmissionReview.</summary>
internal sealed record WebhookCall(string Path, string Query, JsonNode Review)
{
    public JsonNode Request => Review["request"]!;
}

/// <summary>A server of webhooks over HTTPS, with an authority of its own. A path without an answer allows everything.</summary>
internal sealed class WebhookServer : IAsyncDisposable
{
    private static readonly DateTimeOffset Start = TimeProvider.System.GetUtcNow().AddDays(-1);

    private readonly ConcurrentDictionary<string, Func<JsonNode, Task<object>>> _answers = new();
    private readonly ConcurrentQueue<WebhookCall> _calls = new();
    private readonly WebApplication _app;

    private WebhookServer(WebApplication app, string bundle) => (_app, Bundle) = (app, bundle);

    public int Port => new Uri(_app.Urls.First()).Port;

    /// <summary>The PEM of the authority, as a configuration has it.</summary>
    public string Bundle { get; }

    public IReadOnlyList<WebhookCall> Calls => [.. _calls];

    /// <param name="address">The address to listen on.</param>
    /// <param name="dnsName">A name that the certificate is for, besides 127.0.0.1.</param>
    public static async Task<WebhookServer> StartAsync(IPAddress? address = null, string dnsName = "webhook.example.com")
    {
        var (certificate, authority) = Certificates(dnsName);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(address ?? IPAddress.Loopback, 0, listen =>
        {
            listen.Protocols = HttpProtocols.Http1AndHttp2;
            listen.UseHttps(certificate);
        }));
        var app = builder.Build();
        var server = new WebhookServer(app, Convert.ToBase64String(Encoding.ASCII.GetBytes(authority)));
        app.Run(server.AnswerAsync);
        await app.StartAsync(TestContext.Current.CancellationToken);
        return server;
    }

    /// <summary>Answers at a path: a response of an AdmissionReview, or a code and a body.</summary>
    public void Answer(string path, Func<JsonNode, Task<object>> answer) => _answers[path] = answer;

    public void Forget() => _calls.Clear();

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync();
        await _app.DisposeAsync();
    }

    private async Task AnswerAsync(HttpContext http)
    {
        var review = (await JsonNode.ParseAsync(http.Request.Body, cancellationToken: http.RequestAborted))!;
        var request = review["request"]!;
        // Each namespace of a real cluster gets this one from a controller, at any time.
        var name = request.Text("name") ?? request.Text("oldObject", "metadata", "name") ?? "";
        var isForeign = name.EndsWith(".crt", StringComparison.Ordinal);
        var path = http.Request.Path.Value!;
        if (!isForeign) _calls.Enqueue(new(path, http.Request.QueryString.Value!, review));
        var answer = !isForeign && _answers.TryGetValue(path, out var decide) ? await decide(request) : Allowed();
        if (answer is (int code, string text))
        {
            http.Response.StatusCode = code;
            http.Response.ContentType = "application/json";
            await http.Response.WriteAsync(text, http.RequestAborted);
            return;
        }

        var response = (JsonObject)answer;
        if (response["uid"] is null) response["uid"] = request.Text("uid");
        await http.Response.WriteAsJsonAsync(new JsonObject
        {
            ["apiVersion"] = "admission.k8s.io/v1",
            ["kind"] = "AdmissionReview",
            ["response"] = response,
        }, http.RequestAborted);
    }

    private static JsonObject Allowed() => new() { ["allowed"] = true };

    private static (X509Certificate2 Own, string Authority) Certificates(string dnsName)
    {
        using var authorityKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=webhook-ca", authorityKey, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, critical: true));
        using var authority = request.CreateSelfSigned(Start, Start.AddDays(10));
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var own = new CertificateRequest("CN=webhook", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        names.AddDnsName(dnsName);
        own.CertificateExtensions.Add(names.Build());
        own.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new("1.3.6.1.5.5.7.3.1")], critical: false));
        using var certificate = own.Create(authority, Start, Start.AddDays(9), RandomNumberGenerator.GetBytes(16));
        using var withKey = certificate.CopyWithPrivateKey(key);
        return (X509CertificateLoader.LoadPkcs12(withKey.Export(X509ContentType.Pkcs12), null), authority.ExportCertificatePem());
    }
}
