using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;

namespace ModuleController.Dev.ApiServer.Admission;

/// <summary>Calls webhooks over HTTPS. Connections are kept for each address and bundle.</summary>
internal sealed class WebhookClient(EventLog log, TimeProvider time) : IDisposable
{
    private readonly ConcurrentDictionary<(string Authority, string? Bundle), HttpClient> _clients = new();

    /// <summary>The AdmissionReview that a webhook answers.</summary>
    /// <exception cref="WebhookException">There is none within its timeout.</exception>
    public async Task<JsonObject> CallAsync(Webhook webhook, JsonObject request, CancellationToken cancellation)
    {
        var review = new JsonObject
        {
            ["kind"] = "AdmissionReview",
            ["apiVersion"] = "admission.k8s.io/v1",
            ["request"] = request,
        };
        using var timeout = new CancellationTokenSource(webhook.Timeout, time);
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellation, timeout.Token);
        try
        {
            return await PostAsync(webhook, review, ending.Token);
        }
        catch (OperationCanceledException) when (timeout.IsCancellationRequested)
        {
            throw Failed(Quoted(webhook, "context deadline exceeded"));
        }
        catch (HttpRequestException e)
        {
            throw Failed(Quoted(webhook, Reason(e)));
        }
        catch (IOException e)
        {
            throw Failed(Quoted(webhook, e.Message));
        }
    }

    public void Dispose()
    {
        foreach (var client in _clients.Values) client.Dispose();
    }

    private async Task<JsonObject> PostAsync(Webhook webhook, JsonObject review, CancellationToken cancellation)
    {
        var address = webhook.Address;
        var client = _clients.GetOrAdd((address.Url.Authority, address.Bundle), _ => new(WebhookConnections.To(address, log)));
        var query = $"timeout={((long)webhook.Timeout.TotalSeconds).ToString(CultureInfo.InvariantCulture)}s";
        using var message = new HttpRequestMessage(HttpMethod.Post, new UriBuilder(address.Url) { Query = query }.Uri);
        message.Content = new ByteArrayContent(review.ToUtf8());
        message.Content.Headers.ContentType = new("application/json");
        message.Headers.TryAddWithoutValidation("Accept", "application/json, */*");
        message.Headers.TryAddWithoutValidation("User-Agent", "kube-apiserver-admission");
        using var response = await client.SendAsync(message, HttpCompletionOption.ResponseContentRead, cancellation);
        var body = await response.Content.ReadAsByteArrayAsync(cancellation);
        var tree = Parse(body);
        if ((int)response.StatusCode is < 200 or > 299)
            throw Failed(tree.Text("kind") == "Status" && tree.Text("message") is { Length: > 0 } why ? why : Reason(response.StatusCode));
        if (body.Length == 0)
            throw Failed($"0-length response with status code: {(int)response.StatusCode} and content type: "
                + $"{response.Content.Headers.ContentType}");
        if (tree is not JsonObject fields) throw Failed("couldn't get version/kind; json parse error: it is no object");
        if (fields.Text("apiVersion") is not (null or "admission.k8s.io/v1") || fields.Text("kind") is not (null or "AdmissionReview"))
            throw Failed($"it answered with a {fields.Text("kind")} of version {fields.Text("apiVersion")}");
        return fields;
    }

    private static JsonNode? Parse(byte[] body)
    {
        try
        {
            return body.Length == 0 ? null : JsonNode.Parse(body);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static WebhookException Failed(string why) => new($"failed to call webhook: {why}");

    private static string Quoted(Webhook webhook, string why) => $"Post \"{webhook.Address.TextWith(webhook.Timeout)}\": {why}";

    private static string Reason(HttpRequestException problem) => problem.InnerException switch
    {
        WebhookException inner => inner.Message,
        SocketException { SocketErrorCode: SocketError.ConnectionRefused } refused =>
            $"dial tcp {refused.Data["endpoint"]}: connect: connection refused",
        { } inner => inner.Message,
        null => problem.Message,
    };

    private static string Reason(HttpStatusCode code) => code switch
    {
        HttpStatusCode.BadRequest => "the server rejected our request for an unknown reason",
        HttpStatusCode.Unauthorized => "the server has asked for the client to provide credentials",
        HttpStatusCode.Forbidden => "unknown",
        HttpStatusCode.NotFound => "the server could not find the requested resource",
        HttpStatusCode.ServiceUnavailable => "the server is currently unable to handle the request",
        >= HttpStatusCode.InternalServerError => "an error on the server (\"unknown\") has prevented the request from succeeding",
        _ => $"the server responded with the status code {(int)code} but did not return more information",
    };
}
