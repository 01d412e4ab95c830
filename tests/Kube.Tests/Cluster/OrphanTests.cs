using System.Diagnostics;
using System.Net.Http.Json;
using k8s;
using ModuleController.Tests;

namespace ModuleController.Kube.Tests.Clusters;

public sealed class OrphanTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_cluster_that_is_killed_leaves_no_process_of_its_pods()
    {
        var folder = Directory.CreateTempSubdirectory("orphans-");
        var kubeconfig = Path.Combine(folder.FullName, "kubeconfig");
        var images = Path.Combine(folder.FullName, "images.yaml");
        await File.WriteAllTextAsync(images, "- image: sh\n  command: [/bin/sh]\n", Cancellation);
        var program = Path.Combine(AppContext.BaseDirectory, "ModuleController.Dev.Cluster.dll");
        using var cluster = Process.Start(new ProcessStartInfo("dotnet", [program, "serve", "--images", images, "--kubeconfig", kubeconfig])
        {
            RedirectStandardOutput = true,
            Environment = { ["TMPDIR"] = folder.FullName },
        })!;
        try
        {
            var address = (await cluster.StandardOutput.ReadLineAsync(Cancellation))!.Split(' ')[^1];
            using var http = new HttpClient { BaseAddress = new(address) };
            var configuration = await KubernetesClientConfiguration.BuildConfigFromConfigFileAsync(new FileInfo(kubeconfig));
            http.DefaultRequestHeaders.Authorization = new("Bearer", configuration.AccessToken);
            using var created = await http.PostAsJsonAsync("/api/v1/namespaces/default/pods", RunningCluster.Json("""
                {
                  'metadata': {'name': 'family'},
                  'spec': {'containers': [{
                    'name': 'main', 'image': 'sh', 'command': ['sh', '-c', 'sleep 600 & echo $$; echo $!; wait']
                  }]}
                }
                """), Cancellation);
            created.EnsureSuccessStatusCode();
            var pids = await Eventually.Some(async () =>
            {
                var log = await http.GetStringAsync(new Uri("/api/v1/namespaces/default/pods/family/log", UriKind.Relative), Cancellation);
                return log.Split('\n', StringSplitOptions.RemoveEmptyEntries) is { Length: 2 } lines ? lines : null;
            });
            Assert.All(pids, pid => Assert.True(Lives(pid)));

            cluster.Kill();
            await Eventually.True(() => !pids.Any(Lives), () => string.Join(' ', pids.Where(Lives)));
        }
        finally
        {
            if (!cluster.HasExited) cluster.Kill();
            folder.Delete(recursive: true);
        }
    }

    private static bool Lives(string pid) =>
        File.Exists($"/proc/{pid}/stat") && !File.ReadAllText($"/proc/{pid}/stat").Contains(") Z ", StringComparison.Ordinal);
}
