using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using ModuleController.Core.Meta;

namespace ModuleController.Kube.Client;

/// <summary>How a client identifies itself, and how long it waits.</summary>
public sealed record KubeClientOptions
{
    public string UserAgent { get; init; } = "modulecontroller/0.1.0";

    /// <summary>For one attempt; watches have their own.</summary>
    public TimeSpan RequestTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How often a request is sent at most.</summary>
    public int Attempts { get; init; } = 5;

    /// <summary>
    /// False: HTTP/1.1, where a request that was cancelled closes its connection and the next one opens another. With HTTP/2 the
    /// next one would wait on the same connection, also if that has no server any more.
    /// </summary>
    public bool UsesHttp2 { get; init; } = true;
}

/// <summary>The client of a real API server, or of DevCluster's.</summary>
public sealed class KubeClient : IKubeClient, IDisposable
{
    private readonly Transport _transport;
    private readonly ResourceJson _json;
    private readonly KubeMetrics? _ownMetrics;
    private readonly TimeProvider _time;
    private readonly KubeSender _sender;

    /// <summary>Owns the transport. Without metrics to share it keeps its own.</summary>
    public KubeClient(
        Transport transport,
        ResourceJson json,
        KubeClientOptions? options = null,
        KubeMetrics? metrics = null,
        TimeProvider? time = null,
        ILogger<KubeClient>? logger = null)
    {
        _transport = transport;
        _json = json;
        _time = time ?? TimeProvider.System;
        _ownMetrics = metrics is null ? new() : null;
        _sender = new(transport, options ?? new(), metrics ?? _ownMetrics!, _time, logger ?? NullLogger<KubeClient>.Instance);
    }

    public KubeClient(Transport transport, IJsonTypeInfoResolver resolver) : this(transport, ResourceJson.From(resolver))
    {
    }

    public async Task<T> GetAsync<T>(ObjectKey key, CancellationToken cancellation = default) where T : class, IResource
    {
        var request = KubeRequest.For<T>(HttpMethod.Get, "get", key);
        return Decode<T>(request, await _sender.SendAsync(request, cancellation));
    }

    public async Task<ResourceList<T>> ListAsync<T>(ListOptions? options = null, CancellationToken cancellation = default)
        where T : class, IResource
    {
        options ??= new();
        var request = KubeRequest.ForCollection<T>(HttpMethod.Get, "list", options.Namespace, KubeRequest.Query(
            ("labelSelector", options.LabelSelector),
            ("fieldSelector", options.FieldSelector),
            ("limit", KubeRequest.Number(options.Limit)),
            ("continue", options.Continue)));
        var body = await _sender.SendAsync(request, cancellation);
        try
        {
            return ListReader.Read(body, _json.Info<T>());
        }
        catch (JsonException exception)
        {
            throw Unreadable(request, exception);
        }
    }

    public async IAsyncEnumerable<WatchEvent<T>> WatchAsync<T>(
        WatchOptions options, [EnumeratorCancellation] CancellationToken cancellation = default) where T : class, IResource
    {
        var request = KubeRequest.ForCollection<T>(HttpMethod.Get, "watch", options.Namespace, KubeRequest.Query(
            ("watch", "true"),
            ("allowWatchBookmarks", "true"),
            ("resourceVersion", options.ResourceVersion),
            ("labelSelector", options.LabelSelector),
            ("fieldSelector", options.FieldSelector),
            ("timeoutSeconds", KubeRequest.Number(options.Timeout.TotalSeconds))));

        // The server ends a watch in time; one that is still open 5 s later is broken.
        var limit = options.Timeout + TimeSpan.FromSeconds(5);
        using var silence = new CancellationTokenSource(limit, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(silence.Token, cancellation);
        await using var events = OpenWatchAsync<T>(request, either.Token).GetAsyncEnumerator(CancellationToken.None);
        while (true)
        {
            try
            {
                if (!await events.MoveNextAsync()) yield break;
            }
            catch (OperationCanceledException exception) when (!cancellation.IsCancellationRequested)
            {
                throw new KubeException(
                    new(0, KubeError.TimedOut, $"still open after {limit}"), request.Description, exception);
            }
            catch (Exception exception) when (exception is HttpRequestException or IOException)
            {
                throw new KubeException(
                    new(0, KubeError.Unreachable, ExceptionText.Of(exception)), request.Description, exception);
            }

            yield return events.Current;
        }
    }

    public async Task<T> CreateAsync<T>(T resource, string fieldManager, CancellationToken cancellation = default)
        where T : class, IResource
    {
        var key = ObjectKey.Of(resource.Metadata);
        var request = KubeRequest.ForCollection<T>(
            HttpMethod.Post, "create", key.Namespace, KubeRequest.Query(("fieldManager", fieldManager))) with
        {
            Body = ToBytes(_json.ToObject(resource)),
            Description = $"create {T.Kind} {key}",
        };
        return Decode<T>(request, await _sender.SendAsync(request, cancellation));
    }

    public async Task<T?> DeleteAsync<T>(
        ObjectKey key, DeleteOptions? options = null, CancellationToken cancellation = default) where T : class, IResource
    {
        var request = KubeRequest.For<T>(HttpMethod.Delete, "delete", key) with { Body = ToBytes(DeleteBody(options ?? new())) };
        byte[] body;
        try
        {
            body = await _sender.SendAsync(request, cancellation);
        }
        catch (KubeException exception) when (exception.IsNotFound)
        {
            return null;
        }

        // The answer is a Status if the object was removed, or the object if its finalizers have to be removed first.
        using var answer = JsonDocument.Parse(body);
        return answer.RootElement.TryGetProperty("kind", out var kind) && kind.ValueEquals("Status")
            ? null
            : Decode<T>(request, body);
    }

    public async Task<T> PatchAsync<T>(
        ObjectKey key, JsonObject patch, PatchOptions options, CancellationToken cancellation = default)
        where T : class, IResource
    {
        if (options.Subresource is not (null or "status"))
            throw new ArgumentException($"{options.Subresource} has a type of its own", nameof(options));
        var request = PatchRequest<T>(key, options.Subresource, patch, options);
        return Decode<T>(request, await _sender.SendAsync(request, cancellation));
    }

    /// <summary>A patch to a subresource that has a type of its own, such as <c>scale</c>.</summary>
    public async Task<JsonObject> PatchSubresourceAsync<T>(
        ObjectKey key, string subresource, JsonObject patch, PatchOptions options, CancellationToken cancellation = default)
        where T : class, IResource
    {
        var request = PatchRequest<T>(key, subresource, patch, options);
        return JsonNode.Parse(await _sender.SendAsync(request, cancellation)) as JsonObject
            ?? throw new KubeException(new(0, KubeError.Unreadable, "the answer is no object"), request.Description);
    }

    /// <summary>What only exists beside an object and is made on request, such as a service account's <c>token</c>.</summary>
    public async Task<JsonObject> CreateSubresourceAsync<T>(
        ObjectKey key, string subresource, JsonObject body, CancellationToken cancellation = default) where T : class, IResource
    {
        var request = KubeRequest.For<T>(HttpMethod.Post, "create", key, subresource) with { Body = ToBytes(body) };
        return JsonNode.Parse(await _sender.SendAsync(request, cancellation)) as JsonObject
            ?? throw new KubeException(new(0, KubeError.Unreadable, "the answer is no object"), request.Description);
    }

    /// <summary>A document that is no object, by its path, in the form that it has.</summary>
    public async Task<string> ReadDocumentAsync(string path, CancellationToken cancellation = default)
    {
        var request = new KubeRequest(HttpMethod.Get, "get", path, path) { Accept = "*/*", Description = $"get {path}" };
        return Encoding.UTF8.GetString(await _sender.SendAsync(request, cancellation));
    }

    public void Dispose()
    {
        _transport.Dispose();
        _ownMetrics?.Dispose();
    }

    private async IAsyncEnumerable<WatchEvent<T>> OpenWatchAsync<T>(
        KubeRequest request, [EnumeratorCancellation] CancellationToken cancellation) where T : class, IResource
    {
        using var response = await _sender.OpenAsync(request, cancellation);
        await using var body = await response.Content.ReadAsStreamAsync(cancellation);
        await foreach (var happened in WatchStream.ReadAsync(body, _json.Info<T>(), cancellation)) yield return happened;
    }

    private static KubeRequest PatchRequest<T>(ObjectKey key, string? subresource, JsonObject patch, PatchOptions options)
        where T : class, IResource =>
        KubeRequest.For<T>(
            HttpMethod.Patch, "patch", key, subresource, KubeRequest.Query(("fieldManager", options.FieldManager))) with
        {
            Body = ToBytes(patch),
            ContentType = options.IsStrategic ? "application/strategic-merge-patch+json" : "application/merge-patch+json",
        };

    private static JsonObject DeleteBody(DeleteOptions options)
    {
        var body = new JsonObject { ["apiVersion"] = "v1", ["kind"] = "DeleteOptions" };
        if (options.Propagation is { } propagation) body["propagationPolicy"] = propagation.ToString();
        if (options.GracePeriod is { } grace) body["gracePeriodSeconds"] = (long)grace.TotalSeconds;
        if (options.Uid is null && options.ResourceVersion is null) return body;
        var preconditions = new JsonObject();
        if (options.Uid is not null) preconditions["uid"] = options.Uid;
        if (options.ResourceVersion is not null) preconditions["resourceVersion"] = options.ResourceVersion;
        body["preconditions"] = preconditions;
        return body;
    }

    private static byte[] ToBytes(JsonObject body) => Encoding.UTF8.GetBytes(body.ToJsonString());

    private T Decode<T>(KubeRequest request, byte[] body) where T : class, IResource
    {
        try
        {
            return JsonSerializer.Deserialize(body, _json.Info<T>()) ?? throw new JsonException("null is no object");
        }
        catch (JsonException exception)
        {
            throw Unreadable(request, exception);
        }
    }

    private static KubeException Unreadable(KubeRequest request, JsonException exception) =>
        new(new(0, KubeError.Unreadable, exception.Message), request.Description, exception);
}
