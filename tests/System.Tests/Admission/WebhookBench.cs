using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using ModuleController.ControlPlane.Admission;
using ModuleController.ControlPlane.Certificates;
using ModuleController.SystemTests.Certificates;

namespace ModuleController.SystemTests.Admission;

/// <summary>A port for webhooks with handlers of a test, reached over HTTPS as an API server does.</summary>
internal sealed class WebhookBench : IAsyncDisposable
{
    private const string Host = "modulecontroller.default.svc";

    private readonly AdmissionServer _server;
    private readonly AdmissionMetrics _metrics;
    private readonly ILoggerFactory _loggers;
    private readonly HttpClient _http;

    private WebhookBench(AdmissionServer server, AdmissionMetrics metrics, ILoggerFactory loggers, string authority)
    {
        (_server, _metrics, _loggers) = (server, metrics, loggers);
        _http = new(TlsHandlers.Trusting(authority, Host)) { BaseAddress = server.Address };
    }

    public ConcurrentQueue<string> Log { get; private init; } = new();

    public Uri Address => _server.Address;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static async Task<WebhookBench> StartAsync(params IReadOnlyList<IAdmissionHandler> handlers) =>
        await StartAsync(() => true, TimeProvider.System, handlers);

    public static async Task<WebhookBench> StartAsync(
        Func<bool> isSynced, TimeProvider time, params IReadOnlyList<IAdmissionHandler> handlers)
    {
        var now = TimeProvider.System.GetUtcNow();
        var authority = CertificateMaker.CreateAuthority(now.AddMinutes(-5), now.AddDays(1));
        var pair = CertificateMaker.IssueServing(authority, [Host], now.AddMinutes(-5), now.AddDays(1));
        var certificate = new ServingCertificate();
        certificate.Use(pair.Certificate, pair.Key);
        var log = new ConcurrentQueue<string>();
        var (metrics, loggers) = (new AdmissionMetrics(log), LoggerFactory.Create(logging => logging.AddProvider(new Lines(log))));
        var server = new AdmissionServer(IPAddress.Loopback, 0, certificate, handlers, isSynced, metrics, time, loggers);
        await server.StartAsync(Cancellation);
        return new(server, metrics, loggers, authority.Certificate) { Log = log };
    }

    /// <summary>A review of the creation of an object, as an API server sends it.</summary>
    public static JsonObject Review(JsonObject item, string operation = "CREATE") => new()
    {
        ["apiVersion"] = "admission.k8s.io/v1",
        ["kind"] = "AdmissionReview",
        ["request"] = new JsonObject
        {
            ["uid"] = "705ab4f5-6393-11e8-b7cc-42010a800002",
            ["kind"] = new JsonObject { ["group"] = "", ["version"] = "v1", ["kind"] = "Pod" },
            ["resource"] = new JsonObject { ["group"] = "", ["version"] = "v1", ["resource"] = "pods" },
            ["namespace"] = "default",
            ["operation"] = operation,
            ["userInfo"] = new JsonObject { ["username"] = "system:serviceaccount:kube-system:replicaset-controller" },
            ["object"] = item.DeepClone(),
            ["oldObject"] = null,
            ["dryRun"] = false,
            ["options"] = new JsonObject { ["kind"] = "CreateOptions", ["apiVersion"] = "meta.k8s.io/v1" },
        },
    };

    public async Task<JsonNode> DecidedAsync(string name, JsonObject review)
    {
        var (status, text) = await PostAsync(name, review.ToJsonString());
        Assert.True(status == HttpStatusCode.OK, $"{status}: {text}");
        var answer = JsonNode.Parse(text)!;
        Assert.Equal(("admission.k8s.io/v1", "AdmissionReview"), ((string)answer["apiVersion"]!, (string)answer["kind"]!));
        Assert.Equal((string)review["request"]!["uid"]!, (string)answer["response"]!["uid"]!);
        return answer["response"]!;
    }

    public async Task<(HttpStatusCode Status, string Text)> PostAsync(
        string name, string body, string type = "application/json", Version? version = null)
    {
        using var content = new StringContent(body, Encoding.UTF8, new MediaTypeHeaderValue(type));
        using var request = new HttpRequestMessage(HttpMethod.Post, $"/admission/{name}?timeout=5s")
        {
            Content = content,
            Version = version ?? HttpVersion.Version11,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        // The answer to a body that is too large arrives before the body is sent.
        if (body.Length > AdmissionEndpoint.MaxBody) request.Headers.ExpectContinue = true;
        using var response = await _http.SendAsync(request, Cancellation);
        return (response.StatusCode, await response.Content.ReadAsStringAsync(Cancellation));
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _server.DisposeAsync();
        _metrics.Dispose();
        _loggers.Dispose();
    }

    private sealed class Lines(ConcurrentQueue<string> lines) : ILoggerProvider, ILogger
    {
        public ILogger CreateLogger(string categoryName) => this;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

        public void Log<TState>(LogLevel level, EventId id, TState state, Exception? exception, Func<TState, Exception?,
            string> formatter) => lines.Enqueue($"{level}: {formatter(state, exception)}");

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public void Dispose()
        {
        }
    }
}

/// <summary>A webhook whose decision a test makes.</summary>
internal sealed class ScriptedHandler(string name, Func<AdmissionRequest, CancellationToken, Task<AdmissionDecision>> decide)
    : IAdmissionHandler
{
    public ScriptedHandler(string name, Func<AdmissionRequest, AdmissionDecision> decide)
        : this(name, (request, _) => Task.FromResult(decide(request)))
    {
    }

    public string Name => name;

    public bool ReadsCaches { get; init; }

    public async ValueTask<AdmissionDecision> DecideAsync(AdmissionRequest request, CancellationToken cancellation) =>
        await decide(request, cancellation);
}
