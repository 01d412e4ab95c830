using System.Collections.Concurrent;
using System.Globalization;
using ModuleController.Dev.Kubelet.Containers;
using ModuleController.Tests;

namespace ModuleController.Kube.Tests.Clusters;

public sealed class PodTests(RunningCluster cluster) : IClassFixture<RunningCluster>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_container_that_ends_is_restarted_counted_and_backed_off()
    {
        var ns = await cluster.NewNamespaceAsync();
        await ns.RunAsync("crash", "{'containers': [{'name': 'main', 'image': 'sh', 'command': ['sh', '-c', 'exit 7']}]}");
        await ns.PodAsync("crash", pod => pod.Waiting() == "CrashLoopBackOff");
        var pod = await ns.PodAsync("crash", pod => pod.Restarts() >= 2 && pod.Waiting() == "CrashLoopBackOff");
        Assert.Equal("Running", pod.Phase());
        Assert.Equal(7, pod.Container()!["lastState"]!["terminated"]!["exitCode"]!.GetValue<int>());
        Assert.Equal("ContainersNotReady", pod.Condition("Ready")!["reason"]!.GetValue<string>());
    }

    [Fact]
    public async Task A_process_that_is_killed_is_restarted_with_the_signal_in_its_exit_code()
    {
        var ns = await cluster.NewNamespaceAsync();
        await ns.RunAsync("killed", Shell("echo $$; exec sleep 600"));
        await ns.ReadyPodAsync("killed");
        using var process = System.Diagnostics.Process.GetProcessById(await NumberAsync(ns, "killed"));
        process.Kill();
        var pod = await ns.PodAsync("killed", pod => pod.Restarts() == 1 && pod.IsReady());
        Assert.Equal(137, pod.Container()!["lastState"]!["terminated"]!["exitCode"]!.GetValue<int>());
    }

    [Theory]
    [InlineData("Never", "exit 0", "Succeeded", 0)]
    [InlineData("Never", "exit 3", "Failed", 0)]
    [InlineData("OnFailure", "exit 0", "Succeeded", 0)]
    public async Task A_pod_whose_work_is_done_is_over_and_so_are_its_sidecars(string policy, string script, string phase, int restarts)
    {
        var ns = await cluster.NewNamespaceAsync();
        await ns.RunAsync("job", $$"""
            {
              'restartPolicy': '{{policy}}',
              'initContainers': [{'name': 'side', 'image': 'idle', 'restartPolicy': 'Always'}],
              'containers': [{'name': 'main', 'image': 'sh', 'command': ['sh', '-c', '{{script}}']}]
            }
            """);
        var pod = await ns.PodAsync("job", pod => pod.Phase() == phase);
        Assert.Equal(restarts, pod.Restarts());
        await ns.PodAsync("job", pod => pod.Container("side")!["state"]!["terminated"] is not null);
        await cluster.DeleteAsync(ns.PodPath("job"));
        await ns.GoneAsync(ns.PodPath("job"));
    }

    [Fact]
    public async Task Init_containers_run_one_after_the_other_and_a_failure_stops_the_pod()
    {
        var ns = await cluster.NewNamespaceAsync();
        await ns.RunAsync("init", """
            {
              'restartPolicy': 'Never',
              'volumes': [{'name': 'data', 'emptyDir': {}}],
              'initContainers': [
                {'name': 'one', 'image': 'sh', 'command': ['sh', '-c', 'echo 1 > /data/x'], 'volumeMounts': [{'name': 'data', 'mountPath': '/data'}]},
                {'name': 'two', 'image': 'sh', 'command': ['sh', '-c', 'read a < /data/x; exit $a'], 'volumeMounts': [{'name': 'data', 'mountPath': '/data'}]}
              ],
              'containers': [{'name': 'main', 'image': 'idle'}]
            }
            """);
        var pod = await ns.PodAsync("init", pod => pod.Phase() == "Failed");
        Assert.Equal(0, pod.Container("one")!["state"]!["terminated"]!["exitCode"]!.GetValue<int>());
        Assert.Equal(1, pod.Container("two")!["state"]!["terminated"]!["exitCode"]!.GetValue<int>());
        Assert.Equal("PodInitializing", pod.Waiting());
    }

    [Fact]
    public async Task A_sidecar_starts_first_and_ends_last()
    {
        var events = new ConcurrentQueue<string>();
        Func<ContainerStart, CancellationToken, Task<int>> noting = async (start, stop) =>
        {
            events.Enqueue($"{start.Container} starts");
            var asked = new TaskCompletionSource();
            await using (stop.Register(asked.SetResult)) await asked.Task;
            events.Enqueue($"{start.Container} ends");
            return 0;
        };
        cluster.Images["noting"] = noting;
        var ns = await cluster.NewNamespaceAsync();
        await ns.RunAsync("pair", """
            {
              'initContainers': [{'name': 'side', 'image': 'noting', 'restartPolicy': 'Always'}],
              'containers': [{'name': 'main', 'image': 'noting'}]
            }
            """);
        await ns.ReadyPodAsync("pair");
        await cluster.DeleteAsync(ns.PodPath("pair"));
        await ns.GoneAsync(ns.PodPath("pair"));
        Assert.Equal(["side starts", "main starts", "main ends", "side ends"], events);
    }

    [Fact]
    public async Task An_unknown_image_waits_and_says_which_one()
    {
        var ns = await cluster.NewNamespaceAsync();
        await ns.RunAsync("odd", "{'containers': [{'name': 'main', 'image': 'example/none:1'}]}");
        var pod = await ns.PodAsync("odd", pod => pod.Waiting() is "ErrImagePull" or "ImagePullBackOff");
        Assert.Contains("example/none:1", pod.Container()!["state"]!["waiting"]!["message"]!.GetValue<string>());
        Assert.Equal("Pending", pod.Phase());
        Assert.Equal(0, pod.Restarts());
        await cluster.DeleteAsync(ns.PodPath("odd"));
        await ns.GoneAsync(ns.PodPath("odd"));
    }

    [Theory]
    [InlineData("'env': [{'name': 'A', 'valueFrom': {'configMapKeyRef': {'name': 'x', 'key': 'y'}}}]", "CreateContainerConfigError",
        "fieldRef")]
    [InlineData("'env': [{'name': 'A', 'valueFrom': {'fieldRef': {'fieldPath': 'status.qosClass'}}}]", "CreateContainerConfigError",
        "status.qosClass")]
    public async Task What_a_manifest_asks_for_and_is_not_supported_is_said(string container, string reason, string word)
    {
        var ns = await cluster.NewNamespaceAsync();
        await ns.RunAsync("odd", $"{{'containers': [{{'name': 'main', 'image': 'idle', {container}}}]}}");
        var pod = await ns.PodAsync("odd", pod => pod.Waiting() == reason);
        Assert.Contains(word, pod.Container()!["state"]!["waiting"]!["message"]!.GetValue<string>());
    }

    [Fact]
    public async Task A_pod_waits_for_what_its_volumes_lack_and_names_it()
    {
        var ns = await cluster.NewNamespaceAsync();
        await ns.RunAsync("odd",
            "{'volumes': [{'name': 'v', 'hostPath': {'path': '/tmp'}}], 'containers': [{'name': 'main', 'image': 'idle'}]}");
        var odd = await ns.PodAsync("odd", pod => pod.Waiting() == "ContainerCreating");
        Assert.Contains("volume \"v\"", odd.Container()!["state"]!["waiting"]!["message"]!.GetValue<string>());

        await ns.RunAsync("late",
            Shell("cat /etc/conf/greeting; echo; exec sleep 600", "'volumes': [{'name': 'v', 'configMap': {'name': 'conf'}}],",
            "/etc/conf"));
        var late = await ns.PodAsync("late", pod => pod.Waiting() == "ContainerCreating");
        Assert.Equal(
            "MountVolume.SetUp failed for volume \"v\" : configmap \"conf\" not found",
            late.Container()!["state"]!["waiting"]!["message"]!.GetValue<string>());
        await cluster.PostAsync($"{ns.Path}/configmaps",
            RunningCluster.Json("{'metadata': {'name': 'conf'}, 'data': {'greeting': 'hello from a map'}}"));
        await ns.ReadyPodAsync("late");
        await Eventually.True(async () => (await LogAsync(ns, "late")).Contains("hello from a map"));
    }

    [Fact]
    public async Task A_container_reads_its_account_where_a_real_cluster_mounts_it()
    {
        const string Mount = "/var/run/secrets/kubernetes.io/serviceaccount";
        var ns = await cluster.NewNamespaceAsync();
        if (await cluster.FindAsync($"{ns.Path}/configmaps/kube-root-ca.crt") is null)
            await cluster.PostAsync($"{ns.Path}/configmaps",
                RunningCluster.Json("{'metadata': {'name': 'kube-root-ca.crt'}, 'data': {'ca.crt': 'a certificate'}}"));
        await ns.RunAsync("client", $$"""
            {
              'serviceAccountName': 'default',
              'volumes': [{'name': 'kube-api-access-x7k2p', 'projected': {'defaultMode': 420, 'sources': [
                {'serviceAccountToken': {'expirationSeconds': 3607, 'path': 'token'} },
                {'configMap': {'name': 'kube-root-ca.crt', 'items': [{'key': 'ca.crt', 'path': 'ca.crt'}]} },
                {'downwardAPI': {'items': [{'path': 'namespace', 'fieldRef': {'apiVersion': 'v1', 'fieldPath': 'metadata.namespace'} }]} }]} }],
              'containers': [{
                'name': 'main', 'image': 'sh',
                'command': ['sh', '-c', 'cd {{Mount}} && test -s token && test -f ca.crt && cat namespace && echo && exec sleep 600'],
                'volumeMounts': [{'name': 'kube-api-access-x7k2p', 'readOnly': true, 'mountPath': '{{Mount}}'}]
              }]
            }
            """);
        await ns.ReadyPodAsync("client");
        await Eventually.True(async () => (await LogAsync(ns, "client")).Trim() == ns.Name);
    }

    [Fact]
    public async Task Variables_come_from_the_manifest_and_the_pod()
    {
        var ns = await cluster.NewNamespaceAsync();
        var started = new TaskCompletionSource<ContainerStart>(TaskCreationOptions.RunContinuationsAsynchronously);
        cluster.Images["asking"] = async (start, stop) =>
        {
            started.TrySetResult(start);
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, stop);
            return 0;
        };
        await ns.RunAsync("vars", """
            {
              'volumes': [{'name': 'data', 'emptyDir': {}}],
              'containers': [{
                'name': 'main', 'image': 'asking', 'args': ['--at=$(IP)', '--dir=/data/x', 'http://host/data', '$(UNKNOWN)'],
                'volumeMounts': [{'name': 'data', 'mountPath': '/data'}],
                'env': [
                  {'name': 'IP', 'valueFrom': {'fieldRef': {'fieldPath': 'status.podIP'}}},
                  {'name': 'APP', 'valueFrom': {'fieldRef': {'fieldPath': 'metadata.labels[_app_]'}}},
                  {'name': 'BOTH', 'value': '$(IP)/$(APP)'}
                ]
              }]
            }
            """.Replace("_app_", "\\u0027app\\u0027"), "{'app': 'shop'}");
        var pod = await ns.ReadyPodAsync("vars");
        var start = await started.Task.WaitAsync(Eventually.Deadline, TimeProvider.System, Cancellation);
        var ip = pod["status"]!["podIP"]!.GetValue<string>();
        Assert.Equal($"{ip}/shop", start.Environment["BOTH"]);
        Assert.Equal($"--at={ip}", start.Args[0]);
        Assert.EndsWith("/volumes/data/x", start.Args[1]);
        Assert.Equal(["http://host/data", "$(UNKNOWN)"], start.Args.Skip(2));
    }

    [Fact]
    public async Task Each_pod_has_a_port_of_its_own_that_no_client_is_given_before_its_program_binds_it()
    {
        var ns = await cluster.NewNamespaceAsync();
        var ports = new List<int>();
        foreach (var name in (string[])["first", "second"])
        {
            await ns.RunAsync(name, Shell("echo $DEVCLUSTER_POD_PORT; exec sleep 600"));
            ports.Add(await NumberAsync(ns, name));
        }

        Assert.NotEqual(ports[0], ports[1]);
        Assert.All(ports, port => Assert.InRange(port, 1024, 32_767));
    }

    [Fact]
    public async Task A_log_shows_its_last_lines_and_follows_to_the_end()
    {
        var ns = await cluster.NewNamespaceAsync();
        await ns.RunAsync("talk",
            Shell("echo one; echo two >&2; while [ ! -e /data/go ]; do sleep 0.05; done; echo three", mount: "/data",
            rest: "'restartPolicy': 'Never',"));
        await Eventually.True(async () => (await LogAsync(ns, "talk")).Split('\n') is { Length: 3 });
        Assert.Equal(1, (await LogAsync(ns, "talk", "tailLines=1")).Count(c => c == '\n'));

        using var response = await cluster.Http.GetAsync(
            new Uri($"{ns.PodPath("talk")}/log?follow=true", UriKind.Relative), HttpCompletionOption.ResponseHeadersRead, Cancellation);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(Cancellation));
        string?[] first = [await reader.ReadLineAsync(Cancellation), await reader.ReadLineAsync(Cancellation)];
        Assert.Equal(["one", "two"], first.Order()); // two pipes: which is read first is nobody's promise
        await File.WriteAllTextAsync(Path.Combine(await DataOfAsync(ns, "talk"), "go"), "", Cancellation);
        Assert.Equal("three", await reader.ReadLineAsync(Cancellation));
        await ns.PodAsync("talk", pod => pod.Phase() == "Succeeded");
        await cluster.DeleteAsync(ns.PodPath("talk"));
        Assert.Null(await reader.ReadLineAsync(Cancellation).AsTask().WaitAsync(Eventually.Deadline, TimeProvider.System, Cancellation));
    }

    private static string Shell(string script, string rest = "", string mount = "/data") => $$"""
        {
          {{(rest.Contains("'volumes'", StringComparison.Ordinal) ? rest : rest + "'volumes': [{'name': 'v', 'emptyDir': {}}],")}}
          'containers': [{
            'name': 'main', 'image': 'sh', 'command': ['sh', '-c', '{{script}}'], 'env': [{'name': 'DATA', 'value': '{{mount}}'}],
            'volumeMounts': [{'name': 'v', 'mountPath': '{{mount}}'}]
          }]
        }
        """;

    private Task<string> LogAsync(TestNamespace ns, string pod, string query = "") =>
        cluster.Http.GetStringAsync(new Uri($"{ns.PodPath(pod)}/log?{query}", UriKind.Relative), Cancellation);

    private async Task<int> NumberAsync(TestNamespace ns, string pod)
    {
        var pid = 0;
        await Eventually.True(async () =>
            int.TryParse((await LogAsync(ns, pod)).Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out pid));
        return pid;
    }

    /// <summary>The directory behind the pod's volume, found by what a process beside it gets.</summary>
    internal static async Task<string> DataOfAsync(TestNamespace ns, string pod)
    {
        var uid = (await ns.FindPodAsync(pod))!.UidOf();
        return Directory.EnumerateDirectories(Path.GetTempPath(), "devcluster-*")
            .Select(root => Path.Combine(root, uid, "volumes", "v")).First(Directory.Exists);
    }
}
