using System.Globalization;
using ModuleController.Tests;

namespace ModuleController.Kube.Tests.Clusters;

/// <summary>How pods end: grace, force, and what is left of their processes.</summary>
public sealed class EndingTests(RunningCluster cluster) : IClassFixture<RunningCluster>
{
    private const string Stubborn =
        "{'terminationGracePeriodSeconds': 1, 'containers': [{'name': 'main', 'image': 'sh', 'command': ['sh', '-c', "
        + "'trap : TERM; echo $$; while :; do sleep 0.1; done']}]}";

    [Fact]
    public async Task A_pod_that_does_not_end_when_asked_is_killed_after_its_grace_period()
    {
        var ns = await cluster.NewNamespaceAsync();
        await ns.RunAsync("stubborn", Stubborn);
        var pid = await PidAsync(ns, "stubborn");
        var began = TimeProvider.System.GetTimestamp();
        var marked = await cluster.DeleteAsync(ns.PodPath("stubborn"));
        Assert.NotNull(marked["metadata"]!["deletionTimestamp"]);
        await ns.GoneAsync(ns.PodPath("stubborn"));
        Assert.True(TimeProvider.System.GetElapsedTime(began) >= TimeSpan.FromSeconds(0.9), "it had no grace period");
        Assert.False(Lives(pid));
    }

    [Fact]
    public async Task A_forced_deletion_removes_the_object_at_once_and_the_process_soon()
    {
        var ns = await cluster.NewNamespaceAsync();
        await ns.RunAsync("stubborn", Stubborn.Replace("'terminationGracePeriodSeconds': 1", "'terminationGracePeriodSeconds': 600"));
        var pid = await PidAsync(ns, "stubborn");
        await cluster.DeleteAsync(ns.PodPath("stubborn"), "{'gracePeriodSeconds': 0}");
        Assert.Null(await ns.FindPodAsync("stubborn"));
        await Eventually.True(() => !Lives(pid));
    }

    [Fact]
    public async Task A_second_deletion_may_shorten_the_grace_period()
    {
        var ns = await cluster.NewNamespaceAsync();
        await ns.RunAsync("stubborn", Stubborn.Replace("'terminationGracePeriodSeconds': 1", "'terminationGracePeriodSeconds': 600"));
        var pid = await PidAsync(ns, "stubborn");
        await cluster.DeleteAsync(ns.PodPath("stubborn"));
        Assert.True(Lives(pid));
        await cluster.DeleteAsync(ns.PodPath("stubborn"), "{'gracePeriodSeconds': 1}");
        await ns.GoneAsync(ns.PodPath("stubborn"));
        Assert.False(Lives(pid));
    }

    [Fact]
    public async Task A_pod_of_the_same_name_starts_when_the_old_process_has_ended()
    {
        var ns = await cluster.NewNamespaceAsync();
        await ns.RunAsync("again", Stubborn);
        var first = await PidAsync(ns, "again");
        await cluster.DeleteAsync(ns.PodPath("again"), "{'gracePeriodSeconds': 0}");
        await ns.RunAsync("again", Stubborn);
        await ns.ReadyPodAsync("again");
        Assert.False(Lives(first));
        Assert.NotEqual(first, await PidAsync(ns, "again"));
    }

    [Fact]
    public async Task A_container_that_waits_for_its_restart_ends_at_once()
    {
        var ns = await cluster.NewNamespaceAsync();
        await ns.RunAsync("crash",
            "{'terminationGracePeriodSeconds': 600, 'containers': [{'name': 'main', 'image': 'sh', 'command': ['sh', '-c', 'exit 1']}]}");
        await ns.PodAsync("crash", pod => pod.Restarts() >= 2 && pod.Waiting() == "CrashLoopBackOff");
        await cluster.DeleteAsync(ns.PodPath("crash"));
        await ns.GoneAsync(ns.PodPath("crash"));
    }

    private static bool Lives(int pid) =>
        File.Exists($"/proc/{pid}/stat") && !File.ReadAllText($"/proc/{pid}/stat").Contains(") Z ", StringComparison.Ordinal);

    private async Task<int> PidAsync(TestNamespace ns, string pod)
    {
        var pid = 0;
        await Eventually.True(async () => int.TryParse(
            (await cluster.Http.GetStringAsync(
                new Uri($"{ns.PodPath(pod)}/log", UriKind.Relative), TestContext.Current.CancellationToken)).Trim(),
            NumberStyles.None, CultureInfo.InvariantCulture, out pid));
        return pid;
    }
}
