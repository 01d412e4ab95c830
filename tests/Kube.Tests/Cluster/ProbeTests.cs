using System.Net;
using System.Net.Sockets;

namespace ModuleController.Kube.Tests.Clusters;

/// <summary>Probes over TCP, so that a test opens and closes the port.</summary>
public sealed class ProbeTests(RunningCluster cluster) : IClassFixture<RunningCluster>
{
    private const int Port = 8080;

    [Fact]
    public async Task Readiness_follows_its_probe_and_counts_failures()
    {
        var ns = await cluster.NewNamespaceAsync();
        await ns.RunAsync("web", Idle("'readinessProbe': {'tcpSocket': {'port': 'http'}, 'periodSeconds': 1, 'failureThreshold': 1}"));
        var pod = await ns.PodAsync("web", pod => pod.Phase() == "Running");
        Assert.False(pod.IsReady());
        using (Listen(pod["status"]!["podIP"]!.GetValue<string>())) await ns.ReadyPodAsync("web");
        var unready = await ns.PodAsync("web", pod => !pod.IsReady());
        Assert.Equal(0, unready.Restarts());
    }

    [Fact]
    public async Task A_liveness_probe_that_fails_too_often_restarts_the_container()
    {
        var ns = await cluster.NewNamespaceAsync();
        await ns.RunAsync("web", Idle("'livenessProbe': {'tcpSocket': {'port': 8080}, 'periodSeconds': 1, 'failureThreshold': 2}"));
        await ns.PodAsync("web", pod => pod.Restarts() >= 1);
        var log = await cluster.Http.GetStringAsync(new Uri($"{ns.PodPath("web")}/log", UriKind.Relative),
            TestContext.Current.CancellationToken);
        Assert.Contains("failed its liveness probe", log);
    }

    [Fact]
    public async Task Nothing_else_is_probed_before_the_startup_probe_succeeds()
    {
        var ns = await cluster.NewNamespaceAsync();
        await ns.RunAsync("web", Idle(
            "'startupProbe': {'tcpSocket': {'port': 8080}, 'periodSeconds': 1, 'failureThreshold': 100},"
            + "'livenessProbe': {'exec': {'command': ['false']}, 'periodSeconds': 1, 'failureThreshold': 1}", image: "sh"));
        var pod = await ns.PodAsync("web", pod => pod.Phase() == "Running");
        Assert.False(pod.Container()!["started"]!.GetValue<bool>());
        Assert.False(pod.IsReady());
        Assert.Equal(0, pod.Restarts());
        using (Listen(pod["status"]!["podIP"]!.GetValue<string>())) await ns.PodAsync("web", pod => pod.Restarts() >= 1);
    }

    [Fact]
    public async Task A_container_that_never_starts_up_is_restarted()
    {
        var ns = await cluster.NewNamespaceAsync();
        await ns.RunAsync("web", Idle("'startupProbe': {'tcpSocket': {'port': 8080}, 'periodSeconds': 1, 'failureThreshold': 2}"));
        await ns.PodAsync("web", pod => pod.Restarts() >= 1);
    }

    [Fact]
    public async Task An_exec_probe_sees_the_container_s_files()
    {
        var ns = await cluster.NewNamespaceAsync();
        await ns.RunAsync("web", """
            {
              'volumes': [{'name': 'v', 'emptyDir': {}}],
              'containers': [{
                'name': 'main', 'image': 'sh', 'command': ['sh', '-c', 'exec sleep 600'],
                'volumeMounts': [{'name': 'v', 'mountPath': '/data'}],
                'readinessProbe': {'exec': {'command': ['test', '-e', '/data/ready']}, 'periodSeconds': 1}
              }]
            }
            """);
        Assert.False((await ns.PodAsync("web", pod => pod.Phase() == "Running")).IsReady());
        await File.WriteAllTextAsync(Path.Combine(await PodTests.DataOfAsync(ns, "web"), "ready"), "",
            TestContext.Current.CancellationToken);
        await ns.ReadyPodAsync("web");
    }

    [Fact]
    public async Task A_pod_with_a_readiness_gate_waits_for_that_condition()
    {
        var ns = await cluster.NewNamespaceAsync();
        await ns.RunAsync("gated",
            "{'readinessGates': [{'conditionType': 'example.com/open'}], 'containers': [{'name': 'main', 'image': 'idle'}]}");
        var closed = await ns.PodAsync("gated", pod => pod.Condition("ContainersReady")?["status"]?.GetValue<string>() == "True");
        Assert.Equal("ReadinessGatesNotReady", closed.Condition("Ready")!["reason"]!.GetValue<string>());

        await SetAsync("True");
        var open = await ns.ReadyPodAsync("gated");
        Assert.Equal("True", open.Condition("example.com/open")!["status"]!.GetValue<string>());
        await SetAsync("False");
        await ns.PodAsync("gated", pod => !pod.IsReady());

        Task SetAsync(string status) => cluster.SendAsync(
            HttpMethod.Patch, $"{ns.PodPath("gated")}/status",
            RunningCluster.Json($"{{'status': {{'conditions': [{{'type': 'example.com/open', 'status': '{status}'}}]}}}}"),
            "application/strategic-merge-patch+json");
    }

    private static string Idle(string probes, string image = "idle") =>
        $"{{'containers': [{{'name': 'main', 'image': '{image}', {(image == "sh" ? "'command': ['sleep', '600'], " : "")}"
        + $"'ports': [{{'name': 'http', 'containerPort': {Port}}}], {probes}}}]}}";

    private static TcpListener Listen(string ip)
    {
        var listener = new TcpListener(IPAddress.Parse(ip), Port);
        listener.Start();
        return listener;
    }
}
