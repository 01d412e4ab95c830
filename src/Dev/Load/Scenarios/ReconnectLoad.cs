using System.Net;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using ModuleController.ControlPlane.Certificates;
using ModuleController.Core.Builtin.Configuration;
using ModuleController.Core.Meta;
using ModuleController.Dev.Kubelet.Resources;
using ModuleController.Dev.Load.Clusters;
using ModuleController.Dev.Load.Measuring;
using ModuleController.Kube.Client;

namespace ModuleController.Dev.Load.Scenarios;

/// <summary>
/// Connects many cheap agents, stops or kills the controller repeatedly, and measures until all agents are connected again.
/// </summary>
internal sealed class ReconnectLoad(LoadCluster cluster, LoadOptions options, Action<string> progress)
{
    private const int BizOfEach = 5;
    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(5);

    public async Task<ReconnectFigures> RunAsync(CancellationToken cancellation)
    {
        var pods = await cluster.StartWithoutNodeAsync(options.Reconnect, cancellation);
        var tokens = new List<AgentPod>();
        foreach (var batch in pods.Chunk(16)) tokens.AddRange(await Task.WhenAll(batch.Select(pod => WithTokenAsync(pod, cancellation))));
        var authorities = await AuthoritiesAsync(cancellation);
        progress($"{pods.Count} pods have tokens");

        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var controller = new IPEndPoint(IPAddress.Parse(cluster.Controller.Agents.Host), cluster.Controller.Agents.Port);
        var agents = tokens.Select(pod => new CheapAgent(
            pod, controller, $"modulecontroller.{cluster.Namespace}.svc", authorities, BizOfEach)).ToList();
        var running = agents.Select(agent => Task.Run(() => agent.RunAsync(ending.Token), CancellationToken.None)).ToList();
        try
        {
            await ConnectedAsync(agents, cancellation);
            progress($"{agents.Count} agents are connected");
            return await RestartAsync(agents, cancellation);
        }
        finally
        {
            await ending.CancelAsync();
            await Task.WhenAll(running);
        }
    }

    private async Task<ReconnectFigures> RestartAsync(List<CheapAgent> agents, CancellationToken cancellation)
    {
        var (leads, inSync, cpu, idle, peak) = (new List<double>(), new List<double>(), new List<double>(), new List<double>(), 0.0);
        var requests = new SortedDictionary<string, long>();
        for (var run = 1; run <= options.Runs; run++)
        {
            await Task.Delay(Rest, TimeProvider.System, cancellation);
            var (began, before) = (TimeProvider.System.GetTimestamp(), cluster.Controller.Process);
            if (options.Kill == KillTarget.Controller) cluster.Controller.Kill();
            else await cluster.Controller.StopProcessAsync();
            await Wait.UntilAsync(
                async () => cluster.Controller.Process != before && (await cluster.Controller.MetricsAsync(cancellation)).Agents > 0,
                options.Timeout, () => "the controller leads again", cancellation);
            leads.Add(TimeProvider.System.GetElapsedTime(began).TotalSeconds);
            await ConnectedAsync(agents, cancellation);
            inSync.Add(TimeProvider.System.GetElapsedTime(began).TotalSeconds);
            cpu.Add(cluster.Controller.Process.CpuSeconds);
            progress($"restart {run}: the first agent is connected after {leads[^1]:0.00} s, all after {inSync[^1]:0.00} s");

            await Task.Delay(Rest, TimeProvider.System, cancellation);
            var (now, highest) = cluster.Controller.Process.ResidentMegabytes;
            idle.Add(now);
            peak = Math.Max(peak, highest);
            foreach (var (name, count) in (await cluster.Controller.MetricsAsync(cancellation)).Requests)
                requests[name] = requests.GetValueOrDefault(name) + count;
        }

        return new(leads, inSync, cpu, idle.Median(), peak, requests);
    }

    private Task ConnectedAsync(List<CheapAgent> agents, CancellationToken cancellation) => Wait.UntilAsync(
        async () => (await cluster.Controller.MetricsAsync(cancellation)).Agents == agents.Count, options.Timeout,
        () => $"all agents are connected; ends of streams: {string.Join("; ", agents.Select(agent => agent.LastEnd).Distinct().Take(5))}",
        cancellation);

    private async Task<AgentPod> WithTokenAsync(RunnerPod pod, CancellationToken cancellation)
    {
        var meta = pod.Metadata;
        var request = new JsonObject
        {
            ["apiVersion"] = "authentication.k8s.io/v1",
            ["kind"] = "TokenRequest",
            ["spec"] = new JsonObject
            {
                ["audiences"] = new JsonArray("modulecontroller"),
                ["expirationSeconds"] = 3600,
                ["boundObjectRef"] = new JsonObject { ["apiVersion"] = "v1", ["kind"] = "Pod", ["name"] = meta.Name, ["uid"] = meta.Uid },
            },
        };
        var answer = await cluster.Client.CreateSubresourceAsync<RunnerServiceAccount>(
            new(cluster.Namespace, pod.Spec.ServiceAccountName ?? "default"), "token", request, cancellation);
        return new(ObjectKey.Of(meta), meta.Uid!, (string)answer["status"]!["token"]!);
    }

    private async Task<X509Certificate2Collection> AuthoritiesAsync(CancellationToken cancellation)
    {
        Secret? secret = null;
        await Wait.UntilAsync(
            async () => (secret = await cluster.Client.FindAsync<Secret>(
                new(cluster.Namespace, "modulecontroller-certificates"), cancellation)) is { Data.Count: > 0 },
            options.Timeout, () => "the controller has certificates", cancellation);
        var authorities = new X509Certificate2Collection();
        authorities.ImportFromPem(StoredCertificates.Bundle(secret!.Data));
        return authorities;
    }
}
