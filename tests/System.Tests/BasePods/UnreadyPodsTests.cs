using ModuleController.ControlPlane.Observing;
using ModuleController.Core.Builtin;
using ModuleController.Core.Meta;

namespace ModuleController.SystemTests.BasePods;

/// <summary>Since when a base pod counts as unready.</summary>
public sealed class UnreadyPodsTests
{
    private static readonly ObjectKey Base = new("default", "base");
    private static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    [Fact]
    public void The_time_starts_when_the_base_container_is_first_observed_unready_and_starts_over_after_it_was_Ready()
    {
        var unready = new UnreadyPods();

        Assert.Empty(unready.Observe(Base, [Pod(isBaseReady: true, isAgentReady: false)], Start));
        Assert.Equal(Start.AddSeconds(600), Since(unready, isBaseReady: false, 600));
        Assert.Equal(Start.AddSeconds(600), Since(unready, isBaseReady: false, 700));
        Assert.Null(Since(unready, isBaseReady: true, 800));
        Assert.Equal(Start.AddSeconds(900), Since(unready, isBaseReady: false, 900));
        Assert.Equal(Start.AddSeconds(950), Since(new(), isBaseReady: false, 950));
    }

    private static DateTimeOffset? Since(UnreadyPods unready, bool isBaseReady, int seconds) =>
        unready.Observe(Base, [Pod(isBaseReady, isAgentReady: false)], Start.AddSeconds(seconds)).TryGetValue("uid", out var since)
            ? since : null;

    private static Pod Pod(bool isBaseReady, bool isAgentReady) => new()
    {
        Metadata = new() { Name = "base-0", Uid = "uid" },
        Status = new()
        {
            Conditions = [new() { Type = "ContainersReady", Status = Condition.False, LastTransitionTime = Start.AddHours(-1) }],
            ContainerStatuses = [new() { Name = "base", Ready = isBaseReady }, new() { Name = "agent", Ready = isAgentReady }],
        },
    };
}
