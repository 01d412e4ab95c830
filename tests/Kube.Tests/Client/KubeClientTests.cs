using System.Diagnostics.Metrics;
using System.Net;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http.Features;
using ModuleController.Core.Builtin;
using ModuleController.Core.Meta;
using ModuleController.Kube.Client;
using ModuleController.Tests;

namespace ModuleController.Kube.Tests.Client;

public sealed class KubeClientTests : IAsyncLifetime
{
    private const string ShopPod = """
        {"kind":"Pod","apiVersion":"v1","metadata":{"name":"shop","namespace":"demo","uid":"u1","resourceVersion":"7",
         "creationTimestamp":"2026-01-31T09:00:00Z"},"spec":{"nodeName":"n1"},"status":{"podIP":"10.0.0.1","unknown":[1]}}
        """;

    private static readonly ObjectKey Shop = new("demo", "shop");

    private ScriptedApi _api = null!;
    private KubeClient _client = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _api = await ScriptedApi.StartAsync();
        _client = _api.Client(new() { UserAgent = "tests/1.2" });
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await _api.DisposeAsync();
    }

    [Fact]
    public async Task An_object_is_read_with_the_naming_policy_and_converters_of_its_own_context()
    {
        _api.Answer = (_, response, _) => ScriptedApi.Respond(response, 200, ShopPod);

        var pod = await _client.GetAsync<Pod>(Shop, Cancellation);

        Assert.Equal(("shop", "u1", "n1", "10.0.0.1"), (pod.Metadata.Name, pod.Metadata.Uid, pod.Spec.NodeName, pod.Status.PodIp));
        Assert.Equal(new DateTimeOffset(2026, 1, 31, 9, 0, 0, TimeSpan.Zero), pod.Metadata.CreationTimestamp);
        var request = Assert.Single(_api.Requests);
        Assert.Equal(("GET", "/api/v1/namespaces/demo/pods/shop", "tests/1.2"), (request.Method, request.Path, request.UserAgent));
    }

    [Fact]
    public async Task A_namespace_and_a_name_never_leave_their_part_of_the_path()
    {
        var targets = new List<string>();
        _api.Answer = (_, response, _) =>
        {
            targets.Add(response.HttpContext.Features.Get<IHttpRequestFeature>()!.RawTarget);
            return ScriptedApi.Respond(response, 200, ShopPod);
        };

        await _client.GetAsync<Pod>(new("../../x?y", "a/b"), Cancellation);

        Assert.Equal(["/api/v1/namespaces/..%2F..%2Fx%3Fy/pods/a%2Fb"], targets);
    }

    [Fact]
    public void A_combined_resolver_is_taken_apart_so_that_contexts_keep_their_options()
    {
        var json = ResourceJson.From(JsonTypeInfoResolver.Combine(BuiltinJson.Default, OtherJson.Default));
        var lease = json.ToObject(new Lease
        {
            Metadata = new() { Name = "leader" },
            Spec = new() { RenewTime = new(2026, 1, 2, 3, 4, 5, 600, TimeSpan.Zero) },
        });

        Assert.Equal("2026-01-02T03:04:05.600000Z", (string?)lease["spec"]!["renewTime"]);
        Assert.Equal(["apiVersion", "kind", "metadata", "spec"], lease.Select(property => property.Key));
        Assert.True(json.ToObject(new Other()).ContainsKey("Shouted"));   // its context has no naming policy
    }

    [Fact]
    public async Task What_is_not_there_is_an_error_with_the_reason_of_the_status_or_null_when_searched()
    {
        _api.Answer = (_, response, _) => ScriptedApi.Refuse(response, 404, "NotFound");

        var exception = await Assert.ThrowsAsync<KubeException>(() => _client.GetAsync<Pod>(Shop, Cancellation));
        Assert.True(exception.IsNotFound);
        Assert.Equal("get pods demo/shop: 404 NotFound: NotFound of the script", exception.Message);
        Assert.Null(await _client.FindAsync<Pod>(Shop, Cancellation));
        Assert.Null(await _client.DeleteAsync<Pod>(Shop, cancellation: Cancellation));
    }

    [Fact]
    public async Task A_list_follows_its_pages_and_one_unreadable_object_does_not_spoil_it()
    {
        _api.Answer = (request, response, _) => ScriptedApi.Respond(response, 200, request.Asked("continue") == "next"
            ? """{"items":[{"metadata":{"name":"c"}}],"metadata":{"resourceVersion":"9"}}"""
            : """
              {"kind":"PodList","metadata":{"resourceVersion":"9","continue":"next"},"items":[{"metadata":{"name":"a"}},
               {"spec":{"nodeName":["no","text"]},"metadata":{"name":"bad","namespace":"demo"}},{"metadata":{"name":"b"}}]}
              """);

        var first = await _client.ListAsync<Pod>(new() { Namespace = "demo", LabelSelector = "app in (a,b)", Limit = 3 }, Cancellation);
        Assert.Equal(["a", "b"], first.Items.Select(pod => pod.Metadata.Name));
        Assert.Equal(new("demo", "bad"), Assert.Single(first.Unreadable).Key);
        Assert.Equal(("9", "next"), (first.ResourceVersion, first.Continue));
        Assert.Equal(("app in (a,b)", "3"), (_api.Requests.Single().Asked("labelSelector"), _api.Requests.Single().Asked("limit")));

        var second = await _client.ListAsync<Pod>(new() { Namespace = "demo", Continue = "next" }, Cancellation);
        Assert.Equal("c", Assert.Single(second.Items).Metadata.Name);
        Assert.Null(second.Continue);
        var all = await Assert.ThrowsAsync<KubeException>(() => _client.ListAllAsync<Pod>(cancellation: Cancellation));
        Assert.Contains("demo/bad", all.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_create_says_which_kind_it_is_and_who_manages_it()
    {
        _api.Answer = (_, response, _) => ScriptedApi.Respond(response, 201, ShopPod);
        await _client.CreateAsync(new Pod { Metadata = new() { Name = "shop", Namespace = "demo" } }, "me", Cancellation);

        var request = _api.Requests.Single();
        Assert.Equal(("POST", "/api/v1/namespaces/demo/pods", "me"), (request.Method, request.Path, request.Asked("fieldManager")));
        Assert.Equal(("v1", "Pod", "shop"),
            ((string?)request.Json["apiVersion"], (string?)request.Json["kind"], (string?)request.Json["metadata"]!["name"]));
    }

    [Theory]
    [InlineData(null, false, "/api/v1/namespaces/demo/pods/shop", "application/merge-patch+json")]
    [InlineData("status", true, "/api/v1/namespaces/demo/pods/shop/status", "application/strategic-merge-patch+json")]
    public async Task A_patch_goes_out_as_it_is_with_its_type_and_manager(string? subresource, bool isStrategic, string path, string type)
    {
        _api.Answer = (_, response, _) => ScriptedApi.Respond(response, 200, ShopPod);
        var patch = new JsonObject { ["metadata"] = new JsonObject { ["uid"] = "u1", ["labels"] = new JsonObject { ["a"] = null } } };

        await _client.PatchAsync<Pod>(Shop, patch, new("me") { Subresource = subresource, IsStrategic = isStrategic }, Cancellation);

        var request = _api.Requests.Single();
        Assert.Equal(("PATCH", path, type, "me"), (request.Method, request.Path, request.ContentType, request.Asked("fieldManager")));
        Assert.True(JsonNode.DeepEquals(patch, request.Json));
    }

    [Fact]
    public async Task A_scale_comes_back_as_what_it_is()
    {
        _api.Answer = (_, response, _) => ScriptedApi.Respond(response, 200, """{"kind":"Scale","spec":{"replicas":3}}""");
        var scale = await _client.PatchSubresourceAsync<Deployment>(
            Shop, "scale", new() { ["spec"] = new JsonObject { ["replicas"] = 3 } }, new("me"), Cancellation);

        Assert.Equal(3, (int?)scale["spec"]!["replicas"]);
        Assert.Equal("/apis/apps/v1/namespaces/demo/deployments/shop/scale", _api.Requests.Single().Path);
    }

    [Fact]
    public async Task A_delete_carries_its_preconditions_and_tells_whether_the_object_is_still_there()
    {
        _api.Answer = (request, response, _) => ScriptedApi.Respond(
            response, 200, request.Path.EndsWith("/gone", StringComparison.Ordinal) ? """{"kind":"Status"}""" : ShopPod);

        var left = await _client.DeleteAsync<Pod>(Shop, new() { Uid = "u1", Propagation = PropagationPolicy.Foreground }, Cancellation);
        Assert.Equal("u1", left?.Metadata.Uid);
        var body = _api.Requests.Single().Json;
        Assert.Equal(("u1", "Foreground"), ((string?)body["preconditions"]!["uid"], (string?)body["propagationPolicy"]));
        Assert.Null(await _client.DeleteAsync<Pod>(new("demo", "gone"), cancellation: Cancellation));
    }

    [Fact]
    public async Task What_the_server_puts_off_is_tried_again_a_bounded_number_of_times()
    {
        var refusals = 2;
        _api.Answer = (_, response, _) =>
        {
            response.Headers.RetryAfter = "0";
            return refusals-- > 0 ? ScriptedApi.Refuse(response, 429, "TooManyRequests") : ScriptedApi.Respond(response, 200, ShopPod);
        };
        await _client.PatchAsync<Pod>(Shop, [], new("me"), Cancellation);
        Assert.Equal(3, _api.Requests.Count);

        refusals = int.MaxValue;
        await Assert.ThrowsAsync<KubeException>(() => _client.GetAsync<Pod>(Shop, Cancellation));
        Assert.Equal(3 + 5, _api.Requests.Count);
    }

    [Fact]
    public async Task A_503_is_tried_again_only_where_it_says_when()
    {
        _api.Answer = (_, response, _) => ScriptedApi.Refuse(response, 503, "ServiceUnavailable");
        await Assert.ThrowsAsync<KubeException>(() => _client.PatchAsync<Pod>(Shop, [], new("me"), Cancellation));
        Assert.Single(_api.Requests);
    }

    [Fact]
    public async Task A_lost_connection_is_tried_again_for_reads_and_reported_for_writes()
    {
        _api.Answer = (request, response, _) =>
        {
            if (_api.Requests.Count(seen => seen.Method == request.Method) == 1) response.HttpContext.Abort();
            return ScriptedApi.Respond(response, 200, ShopPod);
        };

        Assert.Equal("shop", (await _client.GetAsync<Pod>(Shop, Cancellation)).Metadata.Name);
        var exception = await Assert.ThrowsAsync<KubeException>(() => _client.PatchAsync<Pod>(Shop, [], new("me"), Cancellation));
        Assert.True(exception.Error.IsUnanswered);
        Assert.Single(_api.Requests, request => request.Method == "PATCH");
    }

    [Fact]
    public async Task A_server_that_does_not_answer_in_time_is_an_error()
    {
        _api.Answer = (_, _, ending) => Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, ending);
        using var hasty = _api.Client(new() { RequestTimeout = TimeSpan.FromMilliseconds(50) });

        var exception = await Assert.ThrowsAsync<KubeException>(() => hasty.GetAsync<Pod>(Shop, Cancellation));
        Assert.Equal(KubeError.TimedOut, exception.Error.Reason);
    }

    [Fact]
    public async Task What_is_no_status_is_shown_as_it_is()
    {
        _api.Answer = (_, response, _) => ScriptedApi.Respond(response, (int)HttpStatusCode.BadGateway, "<html>proxy</html>");
        var exception = await Assert.ThrowsAsync<KubeException>(() => _client.GetAsync<Pod>(Shop, Cancellation));
        Assert.Equal((502, "BadGateway", "<html>proxy</html>"), (exception.Error.Code, exception.Error.Reason, exception.Error.Message));

        _api.Answer = (_, response, _) => ScriptedApi.Respond(response, 200, "{\"metadata\":");
        exception = await Assert.ThrowsAsync<KubeException>(() => _client.GetAsync<Pod>(Shop, Cancellation));
        Assert.Equal(KubeError.Unreadable, exception.Error.Reason);
    }

    [Fact]
    public async Task Requests_are_counted_by_verb_resource_subresource_and_code()
    {
        using var metrics = new KubeMetrics();
        using var client = _api.Client(metrics: metrics);
        var counted = new List<string>();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Name == "kube_api_requests") listener.EnableMeasurementEvents(instrument);
            },
        };
        listener.SetMeasurementEventCallback<long>((_, count, tags, _) =>
        {
            lock (counted) counted.Add($"{count} {string.Join(' ', tags.ToArray().Select(tag => tag.Value))}");
        });
        listener.Start();
        _api.Answer = (_, response, _) => ScriptedApi.Refuse(response, 409, "Conflict");

        await Assert.ThrowsAsync<KubeException>(() =>
            client.PatchAsync<Pod>(new("demo", "counted"), [], new("me") { Subresource = "status" }, Cancellation));

        lock (counted) Assert.Contains("1 patch pods status 409", counted);
    }
}
