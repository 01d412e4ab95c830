using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using ModuleController.Dev.ApiServer.Storage;
using ModuleController.Tests;

namespace ModuleController.Kube.Tests.Conformance;

/// <summary>Webhooks that fail, and how webhooks are reached.</summary>
public sealed class AdmissionFailureTests(ConformanceCluster cluster) : IAsyncLifetime
{
    private AdmissionBench _bench = null!;

    public async ValueTask InitializeAsync() => _bench = await AdmissionBench.StartAsync(cluster);

    public ValueTask DisposeAsync() => _bench.DisposeAsync();

    [Fact]
    public async Task A_webhook_that_fails_rejects_the_request_or_is_ignored()
    {
        object answer = (500, "boom");
        _bench.Server.Answer("/v", _ => Task.FromResult(answer is JsonNode node ? node.DeepClone() : answer));
        await _bench.ValidatingAsync(_bench.Webhook("/v"));
        await FailedAsync("failed to call webhook: an error on the server (\"unknown\") has prevented the request from succeeding");
        answer = (404, "gone");
        await FailedAsync("failed to call webhook: the server could not find the requested resource");
        answer = (403, "no");
        await FailedAsync("failed to call webhook: unknown");
        answer = (302, "no");
        await FailedAsync("failed to call webhook: the server responded with the status code 302 but did not return more information");
        answer = (400, """{"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "hm", "code": 400}""");
        await FailedAsync("failed to call webhook: hm");
        answer = (200, "");
        await FailedAsync("failed to call webhook: 0-length response with status code: 200 and content type: application/json");
        answer = (200, "{}");
        await FailedAsync("received invalid webhook response: webhook response was absent");
        answer = new JsonObject { ["allowed"] = true, ["uid"] = "x" };
        await FailedAsync("received invalid webhook response: expected response.uid=", "got \"x\"");
        answer = AdmissionBench.Patch("[]");
        await FailedAsync("received invalid webhook response: validating webhook may not return response.patch");
        foreach (var wrong in (string[])["hello", """{"kind": "Other", "apiVersion": "v1"}"""])
        {
            answer = (200, wrong);
            await FailedAsync("failed to call webhook: ");
        }

        await _bench.ValidatingAsync(_bench.Webhook("/v", """{"failurePolicy": "Ignore"}"""));
        Assert.Equal(201, (await cluster.PostAsync(_bench.ConfigMaps, AdmissionBench.ConfigMap("one"))).Code);
    }

    [Fact]
    public async Task A_patch_needs_its_type_and_a_list()
    {
        var answer = AdmissionBench.Patch("hello");
        await _bench.MutatingAsync(_bench.Webhook("/v", answer: _ => answer.DeepClone().AsObject()));
        await FailedAsync("received undecodable patch in webhook response: ");
        answer = AdmissionBench.Patch("{}");
        await FailedAsync("received undecodable patch in webhook response: ");
        answer["patch"] = "%%";
        await FailedAsync("failed to call webhook: ");
        answer = AdmissionBench.Patch("[]");
        answer.Remove("patchType");
        await FailedAsync("received invalid webhook response: webhook returned response.patch but not response.patchType");
        answer = AdmissionBench.Patch("[]");
        answer.Remove("patch");
        await FailedAsync("received invalid webhook response: webhook returned response.patchType but not response.patch");
    }

    [Fact]
    public async Task A_webhook_without_an_answer_fails_at_its_timeout_and_delays_no_other_request()
    {
        var end = new TaskCompletionSource();
        _bench.Server.Answer("/v", async request =>
        {
            if (request.Text("name") == "slow") await end.Task;
            return AdmissionBench.Allow();
        });
        await _bench.ValidatingAsync(_bench.Webhook("/v", """{"timeoutSeconds": 2}"""));
        var slow = cluster.PostAsync(_bench.ConfigMaps, AdmissionBench.ConfigMap("slow"));
        Assert.Equal(201, (await cluster.PostAsync(_bench.ConfigMaps, AdmissionBench.ConfigMap("quick"))).Code);
        Assert.False(slow.IsCompleted);
        Assert.Equal(Failure($"failed to call webhook: Post \"https://127.0.0.1:{_bench.Server.Port}/v?timeout=2s\": context deadline exceeded"),
            (await slow).Message);
        end.SetResult();
    }

    [Fact]
    public async Task A_webhook_is_reached_over_TLS_with_a_certificate_of_its_bundle()
    {
        var port = _bench.Server.Port;
        string Url(string host, string bundle) => $$"""{"clientConfig": {"url": "https://{{host}}/v"{{bundle}}} }""";
        var known = $", \"caBundle\": \"{_bench.Server.Bundle}\"";
        await _bench.ValidatingAsync(_bench.Webhook("/v", Url($"127.0.0.1:{port}", "")));
        await FailedAsync($"failed to call webhook: Post \"https://127.0.0.1:{port}/v?timeout=10s\": tls: failed to verify certificate: x509: "
            + "certificate signed by unknown authority");
        await _bench.ValidatingAsync(_bench.Webhook("/v", Url($"localhost:{port}", known)));
        await FailedAsync($"failed to call webhook: Post \"https://localhost:{port}/v?timeout=10s\": tls: failed to verify certificate: x509: "
            + $"certificate is valid for hook.{_bench.Namespace}.svc, not localhost");
        await _bench.ValidatingAsync(_bench.Webhook("/v", Url($"127.0.0.1:{port}", ", \"caBundle\": \"aGk=\"")));
        await FailedAsync("could not get REST client: unable to load root certificates: unable to parse bytes as PEM block");
        await _bench.ValidatingAsync(_bench.Webhook("/v", Url("127.0.0.1:1", known)));
        await FailedAsync("failed to call webhook: Post \"https://127.0.0.1:1/v?timeout=10s\": dial tcp 127.0.0.1:1: connect: connection refused");
    }

    [Fact]
    public async Task A_webhook_of_a_Service_is_reached_at_a_ready_endpoint_under_the_name_of_the_Service()
    {
        await using var bench = await AdmissionBench.StartAsync(cluster, IPAddress.Any);
        (_bench, var spare) = (bench, _bench);
        await spare.DisposeAsync();
        string Service(int port) => $$"""
            {"clientConfig": {"caBundle": "{{bench.Server.Bundle}}",
              "service": {"name": "hook", "namespace": "{{bench.Namespace}}", "path": "/svc", "port": {{port}} } } }
            """;
        var url = $"failed to call webhook: Post \"https://hook.{bench.Namespace}.svc:443/svc?timeout=10s\"";
        await bench.ValidatingAsync(bench.Webhook("/v", Service(443)));
        await FailedAsync($"{url}: service \"hook\" not found");
        await cluster.CreateAsync($"{bench.Home}/services", JsonNode.Parse("""
            {"metadata": {"name": "hook"}, "spec": {"ports": [{"name": "web", "port": 443}, {"name": "other", "port": 80}]}}
            """)!);
        await Eventually.True(async () => (await CreateAsync()).Message == Failure($"{url}: no endpoints available for service \"hook\""));
        await cluster.CreateAsync($"/apis/discovery.k8s.io/v1/namespaces/{bench.Namespace}/endpointslices", JsonNode.Parse($$"""
            {"metadata": {"name": "hook-1", "labels": {"kubernetes.io/service-name": "hook"} }, "addressType": "IPv4",
             "endpoints": [{"addresses": ["{{OwnIp()}}"], "conditions": {"ready": true} }, {"addresses": ["192.0.2.200"], "conditions": {"ready": false} }],
             "ports": [{"name": "other", "port": 1}, {"name": "web", "port": {{bench.Server.Port.ToString(CultureInfo.InvariantCulture)}} }]}
            """)!);
        await Eventually.True(async () => (await CreateAsync()).Code == 201);
        Assert.Contains(bench.Server.Calls, call => call.Path == "/svc");
        await bench.ValidatingAsync(bench.Webhook("/v", Service(444)));
        await FailedAsync($"failed to call webhook: Post \"https://hook.{bench.Namespace}.svc:444/svc?timeout=10s\": "
            + "no service port 444 found for service \"hook\"");
    }

    private Task<Answer> CreateAsync() => cluster.PostAsync(_bench.ConfigMaps, AdmissionBench.ConfigMap("one"));

    private static string Failure(string reason) => $"Internal error occurred: failed calling webhook \"v.example.com\": {reason}";

    private async Task FailedAsync(string reason, string end = "")
    {
        var answer = await CreateAsync();
        Assert.Equal((500, "InternalError"), (answer.Code, answer.Reason));
        Assert.StartsWith(Failure(reason), answer.Message, StringComparison.Ordinal);
        Assert.EndsWith(end, answer.Message, StringComparison.Ordinal);
        Assert.Equal(answer.Message, $"Internal error occurred: {answer.Body["details"]!["causes"]![0].Text("message")}");
    }

    /// <summary>An address of this machine that is not a loopback address, which endpoints may not have.</summary>
    private static IPAddress OwnIp()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        socket.Connect("192.0.2.250", 9);
        return ((IPEndPoint)socket.LocalEndPoint!).Address;
    }
}
