using System.Net;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Time.Testing;
using ModuleController.ControlPlane.Admission;

namespace ModuleController.SystemTests.Admission;

/// <summary>The port for webhooks: what an API server sends, and what it is answered.</summary>
public sealed class AdmissionServerTests
{
    private static readonly JsonObject Pod = new() { ["metadata"] = new JsonObject { ["name"] = "base-0" } };

    [Theory]
    [InlineData("1.1")]
    [InlineData("2.0")]
    public async Task A_review_is_answered_over_both_versions_of_HTTP(string version)
    {
        await using var bench = await WebhookBench.StartAsync(new ScriptedHandler("all", _ => AdmissionDecision.Allow()));

        var (status, text) = await bench.PostAsync("all", WebhookBench.Review(Pod).ToJsonString(), version: Version.Parse(version));

        Assert.Equal(HttpStatusCode.OK, status);
        Assert.True((bool)JsonNode.Parse(text)!["response"]!["allowed"]!);
    }

    [Fact]
    public async Task A_handler_gets_the_request_and_its_decision_is_the_response()
    {
        AdmissionRequest? got = null;
        await using var bench = await WebhookBench.StartAsync(
            new ScriptedHandler("denies", request =>
            {
                got = request;
                return AdmissionDecision.Deny(new(422, "Invalid", "spec.replicas: too many"), "first", "second");
            }),
            new ScriptedHandler("changes", _ => AdmissionDecision.Change(
                [new JsonObject { ["op"] = "remove", ["path"] = "/metadata/name" }], "changed")));
        var review = WebhookBench.Review(Pod);
        review["request"]!["dryRun"] = true;
        review["request"]!["userInfo"] = JsonNode.Parse(
            """{"username":"jane","uid":"1","groups":["dev"],"extra":{"scopes":["a","b"]}}""");

        var denied = await bench.DecidedAsync("denies", review);
        var changed = await bench.DecidedAsync("changes", review);

        Assert.True(JsonNode.DeepEquals(Pod, got!.Object));
        Assert.Equal((AdmissionOperation.Create, "v1", "Pod", "default", true),
            (got.Operation, got.ApiVersion, got.Kind, got.Namespace, got.IsDryRun));
        Assert.Equal(("jane", "1", "dev", "b"), (got.User.Name, got.User.Uid, got.User.Groups[0], got.User.Extra["scopes"][1]));
        Assert.False((bool)denied["allowed"]!);
        Assert.Equal("""{"code":422,"reason":"Invalid","message":"spec.replicas: too many"}""", denied["status"]!.ToJsonString());
        Assert.Equal("""["first","second"]""", denied["warnings"]!.ToJsonString());
        Assert.True((bool)changed["allowed"]!);
        Assert.Equal("JSONPatch", (string)changed["patchType"]!);
        Assert.Equal("""[{"op":"remove","path":"/metadata/name"}]"""u8.ToArray(), Convert.FromBase64String((string)changed["patch"]!));
    }

    [Theory]
    [InlineData("no json", "the body is not JSON")]
    [InlineData("", "the body is not JSON")]
    [InlineData("[]", "the body is not a JSON object")]
    [InlineData("""{"apiVersion":"admission.k8s.io/v1beta1","kind":"AdmissionReview"}""", "not an AdmissionReview of admission.k8s.io/v1")]
    [InlineData("""{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"}""", "request is missing")]
    [InlineData("""{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","kind":"Pod"}""", "the body is not JSON")]
    public async Task A_malformed_body_is_answered_with_400_and_what_is_wrong(string body, string error)
    {
        await using var bench = await WebhookBench.StartAsync(new ScriptedHandler("all", _ => AdmissionDecision.Allow()));

        var (status, text) = await bench.PostAsync("all", body);

        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Contains(error, text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("uid", null, "uid is missing")]
    [InlineData("uid", "1", "uid is not a string")]
    [InlineData("operation", "\"PATCH\"", "operation is not CREATE, UPDATE, DELETE or CONNECT")]
    [InlineData("object", "[]", "object is not an object")]
    [InlineData("kind", "{}", "version is missing")]
    [InlineData("userInfo", """{"groups":"all"}""", "groups is not a list of strings")]
    public async Task A_request_with_a_wrong_field_is_answered_with_400_and_its_name(string field, string? value, string error)
    {
        await using var bench = await WebhookBench.StartAsync(new ScriptedHandler("all", _ => AdmissionDecision.Allow()));
        var review = WebhookBench.Review(Pod);
        review["request"]![field] = value is null ? null : JsonNode.Parse(value);

        Assert.Equal((HttpStatusCode.BadRequest, $"{error}\n"), await bench.PostAsync("all", review.ToJsonString()));
    }

    /// <summary>Parsed, each value of such a list takes many times its size.</summary>
    [Theory]
    [InlineData(4_000_000, true)]
    [InlineData(1_000_000, true)]
    [InlineData(20_000, true)]
    [InlineData(5_000, false)]
    public async Task A_body_with_too_many_values_for_its_size_is_not_parsed(int bytes, bool isRefused)
    {
        await using var bench = await WebhookBench.StartAsync(new ScriptedHandler("all", _ => AdmissionDecision.Allow()));
        var pod = Pod.DeepClone().AsObject();
        pod["list"] = JsonNode.Parse($"[{string.Join(',', Enumerable.Repeat('0', bytes / 2))}]");
        var review = WebhookBench.Review(pod).ToJsonString();

        var (status, text) = await bench.PostAsync("all", review);

        if (isRefused) Assert.Equal((HttpStatusCode.BadRequest, "the body has too many values for its size\n"), (status, text));
        else Assert.Equal(HttpStatusCode.OK, status);
    }

    [Fact]
    public async Task An_unknown_webhook_is_not_found_and_another_content_type_is_unsupported()
    {
        await using var bench = await WebhookBench.StartAsync(new ScriptedHandler("all", _ => AdmissionDecision.Allow()));

        Assert.Equal(HttpStatusCode.NotFound, (await bench.PostAsync("other", "{}")).Status);
        Assert.Equal(HttpStatusCode.UnsupportedMediaType, (await bench.PostAsync("all", "{}", "text/plain")).Status);
    }

    [Fact]
    public async Task A_handler_that_fails_is_logged_and_answered_with_500_and_the_next_request_as_usual()
    {
        var fails = true;
        await using var bench = await WebhookBench.StartAsync(new ScriptedHandler(
            "all", _ => fails ? throw new InvalidOperationException("a bug") : AdmissionDecision.Allow()));
        var review = WebhookBench.Review(Pod);

        var (status, text) = await bench.PostAsync("all", review.ToJsonString());

        Assert.Equal(HttpStatusCode.InternalServerError, status);
        Assert.Contains("a bug", text, StringComparison.Ordinal);
        Assert.Equal("Error: Webhook all: a request failed", Assert.Single(bench.Log));
        fails = false;
        Assert.True((bool)(await bench.DecidedAsync("all", review))["allowed"]!);
    }

    [Fact]
    public async Task A_handler_that_takes_too_long_is_cancelled()
    {
        var time = new FakeTimeProvider();
        var entered = new TaskCompletionSource();
        await using var bench = await WebhookBench.StartAsync(() => true, time, new ScriptedHandler("all", async (_, cancellation) =>
        {
            entered.SetResult();
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellation);
            return AdmissionDecision.Allow();
        }));

        var answer = bench.PostAsync("all", WebhookBench.Review(Pod).ToJsonString());
        await entered.Task;
        time.Advance(TimeSpan.FromSeconds(10));

        Assert.Equal((HttpStatusCode.ServiceUnavailable, "the deadline of the request has passed\n"), await answer);
    }

    [Fact]
    public async Task Only_a_handler_that_reads_caches_waits_for_them()
    {
        var isSynced = false;
        await using var bench = await WebhookBench.StartAsync(
            () => isSynced, TimeProvider.System, new ScriptedHandler("pure", _ => AdmissionDecision.Allow()),
            new ScriptedHandler("reads", _ => AdmissionDecision.Allow()) { ReadsCaches = true });
        var review = WebhookBench.Review(Pod).ToJsonString();

        Assert.Equal(HttpStatusCode.OK, (await bench.PostAsync("pure", review)).Status);
        Assert.Equal((HttpStatusCode.ServiceUnavailable, "the caches are not synced\n"), await bench.PostAsync("reads", review));
        isSynced = true;
        Assert.Equal(HttpStatusCode.OK, (await bench.PostAsync("reads", review)).Status);
    }

    [Fact]
    public async Task An_update_of_the_largest_object_is_read_and_a_larger_body_is_refused()
    {
        await using var bench = await WebhookBench.StartAsync(new ScriptedHandler("all", _ => AdmissionDecision.Allow()));
        var review = WebhookBench.Review(new() { ["data"] = new string('x', 3 * 1024 * 1024) }, "UPDATE");
        review["request"]!["oldObject"] = review["request"]!["object"]!.DeepClone();

        Assert.True((bool)(await bench.DecidedAsync("all", review))["allowed"]!);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge,
            (await bench.PostAsync("all", new string(' ', AdmissionEndpoint.MaxBody + 1))).Status);
    }

    [Fact]
    public async Task More_large_bodies_than_there_is_room_for_wait_and_all_are_answered()
    {
        await using var bench = await WebhookBench.StartAsync(new ScriptedHandler("all", _ => AdmissionDecision.Allow()));
        var review = WebhookBench.Review(new() { ["data"] = new string('x', 3 * 1024 * 1024) }).ToJsonString();

        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => bench.PostAsync("all", review)));

        Assert.All(answers, answer => Assert.Equal(HttpStatusCode.OK, answer.Status));
    }
}
