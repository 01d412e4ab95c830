using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using ModuleController.Kube.Client;

namespace ModuleController.Kube.Tests.Client;

/// <summary>A request as the server saw it.</summary>
public sealed record SeenRequest(string Method, string Path, IQueryCollection Query, string ContentType, string UserAgent, string Body)
{
    public bool IsWatch => Asked("watch") == "true";

    public string? Asked(string parameter) => Query[parameter];

    public JsonNode Json => JsonNode.Parse(Body)!;
}

/// <summary>A web server that answers as each test says: what a real API server would rarely do on demand.</summary>
public sealed class ScriptedApi : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly CancellationTokenSource _ending = new();

    private ScriptedApi(WebApplication app) => _app = app;

    /// <summary>Answers every request.</summary>
    public Func<SeenRequest, HttpResponse, CancellationToken, Task> Answer { get; set; } = (_, response, _) => Respond(response, 404, "{}");

    public ConcurrentQueue<SeenRequest> Requests { get; } = new();

    public Uri Address => new(_app.Urls.Single());

    public static async Task<ScriptedApi> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var app = builder.Build();
        var api = new ScriptedApi(app);
        app.Run(api.HandleAsync);
        await app.StartAsync(TestContext.Current.CancellationToken);
        return api;
    }

    public static Task Respond(HttpResponse response, int code, string json)
    {
        response.StatusCode = code;
        response.ContentType = "application/json";
        return response.WriteAsync(json);
    }

    public static Task Refuse(HttpResponse response, int code, string reason) => Respond(response, code, Status(code, reason));

    public static string Status(int code, string reason) =>
        $$"""{"kind":"Status","apiVersion":"v1","status":"Failure","code":{{code}},"reason":"{{reason}}","message":"{{reason}} of the script"}""";

    public KubeClient Client(KubeClientOptions? options = null, KubeMetrics? metrics = null, TimeProvider? time = null,
        ILoggerFactory? loggers = null) =>
        new(Transport.To(Address), new(), options, metrics, time, loggers?.CreateLogger<KubeClient>());

    public async ValueTask DisposeAsync()
    {
        await _ending.CancelAsync();   // open watches end
        await _app.DisposeAsync();
        _ending.Dispose();
    }

    private async Task HandleAsync(HttpContext context)
    {
        var request = context.Request;
        using var reader = new StreamReader(request.Body);
        var seen = new SeenRequest(
            request.Method, request.Path, request.Query, request.ContentType
                ?? "", request.Headers.UserAgent.ToString(), await reader.ReadToEndAsync());
        Requests.Enqueue(seen);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, _ending.Token);
        try
        {
            await Answer(seen, context.Response, either.Token);
        }
        catch (OperationCanceledException) when (either.IsCancellationRequested)
        {
            context.Abort();
        }
    }
}
