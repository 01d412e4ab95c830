using ModuleController.Dev.Kubelet.Containers;
using ModuleController.Dev.Kubelet.Runtimes;
using ModuleController.Tests;

namespace ModuleController.Kube.Tests.Clusters;

public sealed class DelegateRuntimeTests
{
    private static readonly ContainerStart Start = new(
        new("default", "pod", "uid", "127.0.0.1"), "main", "noting", [], [], new Dictionary<string, string>(), new());

    [Fact]
    public async Task A_function_has_begun_when_its_container_counts_as_started()
    {
        var hasBegun = false;
        var runtime = new DelegateRuntime(new Dictionary<string, Func<ContainerStart, CancellationToken, Task<int>>>
        {
            ["noting"] = async (_, stop) =>
            {
                hasBegun = true;
                await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, stop);
                return 0;
            },
        });

        await using var container = runtime.Start(Start);
        Assert.True(hasBegun);
        container.Terminate();
        await Eventually.Ends(container.Exited);
        Assert.Equal(143, await container.Exited);
    }
}
