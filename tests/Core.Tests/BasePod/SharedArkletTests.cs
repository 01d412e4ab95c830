using ModuleController.Core.Agents;
using ModuleController.Core.Builtin;
using ModuleController.Core.Meta;

namespace ModuleController.Core.Tests.BasePod;

/// <summary>Whose base an agent on the host network reaches, by what the kubelet and the agents report.</summary>
public sealed class SharedArkletTests
{
    private static readonly DateTimeOffset JvmStart = World.Start.AddMilliseconds(400);
    private static readonly BaseView View = ViewOf("b-1", 1238);

    [Theory]
    [InlineData(-3600, false)]
    [InlineData(0, false)]
    [InlineData(1, false)]
    [InlineData(2, true)]
    [InlineData(3600, true)]
    public void A_container_that_started_after_the_JVM_does_not_own_it(int seconds, bool isForeign)
    {
        var shared = Judge(PodOf("base-1", seconds));

        Assert.Equal(isForeign, shared is not null);
        if (!isForeign) return;
        Assert.True(shared!.HoldsFrom <= JvmStart);
        Assert.Equal(
            "the agent of pod shop/base-1 reaches the Arklet of another base (host network, port 1238), whose JVM started at 09:00:00 UTC, "
            + "before the base container of this pod, so nothing is installed. "
            + "Give this pod a free port of its node: koupleless.arklet.http.port (base) and ARKLET_PORT (agent)", shared.Message);
    }

    [Fact]
    public void Pods_with_an_address_of_their_own_are_never_compared()
    {
        var late = PodOf("base-1", 3600);

        Assert.Null(Judge(late with { Spec = new() }, (PodOf("base-2", 0), View)));
    }

    [Fact]
    public void Nothing_follows_from_containers_that_the_kubelet_has_not_reported()
    {
        var pod = PodOf("base-1", 0);

        Assert.Null(Judge(pod with { Status = pod.Status with { ContainerStatuses = [] } }, (PodOf("base-2", 0), View)));
        Assert.Null(Judge(pod with { Status = pod.Status with { PodIp = null } }));
    }

    [Fact]
    public void Of_several_pods_the_one_whose_container_started_last_before_the_JVM_owns_it()
    {
        var (early, late, after) = (PodOf("base-1", -60), PodOf("base-2", 0), PodOf("base-3", 60));

        var shared = Judge(early, (late, View), (after, View));

        Assert.Equal(new ObjectKey("shop", "base-2"), shared!.Other);
        Assert.NotNull(shared.HoldsFrom);
        Assert.Contains("reaches the Arklet of pod shop/base-2 (host network", shared.Message, StringComparison.Ordinal);
        Assert.Null(Judge(late, (early, View), (after, View)));
        Assert.Equal(new ObjectKey("shop", "base-2"), Judge(after, (early, View), (late, View))!.Other);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-2)]
    public void Containers_that_started_together_leave_it_undecided_on_both(int seconds)
    {
        var (one, other) = (PodOf("base-1", 0), PodOf("base-2", seconds));

        var (first, second) = (Judge(one, (other, View)), Judge(other, (one, View)));

        Assert.Equal((null, null), (first!.HoldsFrom, second!.HoldsFrom));
        Assert.Equal("may reach the Arklet of pod shop/base-2 on the host network", first.Refusal);
        Assert.Contains("Give one of them a free port of the node", second.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Agents_at_other_ports_or_other_addresses_reach_other_bases()
    {
        var (one, other) = (PodOf("base-1", -60), PodOf("base-2", 0));

        Assert.Null(Judge(one, (other, ViewOf("b-1", 1239))));
        Assert.Null(Judge(one, (other with { Status = other.Status with { PodIp = "10.0.0.8" } }, View)));
    }

    [Fact]
    public void Agents_that_do_not_report_their_port_are_compared_by_the_life()
    {
        var (one, other) = (PodOf("base-1", -60), PodOf("base-2", 0));

        Assert.NotNull(Judge(one, (other, ViewOf("b-1", null))));
        Assert.Null(Judge(one, (other, ViewOf("b-2", null))));
    }

    [Fact]
    public void After_a_restart_of_the_container_its_life_before_may_still_be_reported_for_a_while()
    {
        var ended = World.Start.AddMinutes(10);
        var restarted = Restarted(ended, startedAt: World.Start);

        Assert.Equal(ended + SharedArklet.Settles, Judge(restarted)!.HoldsFrom);
    }

    [Fact]
    public void A_container_that_restarts_again_and_again_because_its_port_is_taken_never_had_that_life()
    {
        var crashing = Restarted(World.Start.AddMinutes(10), startedAt: World.Start.AddMinutes(9));
        var waiting = With(crashing, crashing.Status.ContainerStatuses[0] with { State = new() });

        Assert.All([crashing, waiting], pod => Assert.True(Judge(pod)!.HoldsFrom <= JvmStart));
        Assert.Contains("since no base container of this pod is running", Judge(waiting)!.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(BaseState.Down, true)]
    [InlineData(BaseState.Hung, true)]
    [InlineData(BaseState.Up, false)]
    public void Only_a_connected_agent_whose_Arklet_answers_is_judged(BaseState state, bool isConnected) =>
        Assert.Null(SharedArklet.Of(PodOf("base-1", 3600), View with { State = state, IsConnected = isConnected }, []));

    private static SharedArklet? Judge(Pod pod, params (Pod, BaseView)[] neighbors) => SharedArklet.Of(pod, View, neighbors);

    private static Pod PodOf(string name, int seconds) => HostNetworkPods.Of(name, World.Start.AddSeconds(seconds));

    private static Pod Restarted(DateTimeOffset ended, DateTimeOffset startedAt) => With(PodOf("base-1", 0), new()
    {
        Name = "base",
        State = new() { Running = new(ended.AddSeconds(1)) },
        LastState = new() { Terminated = new(startedAt, ended) },
    });

    private static Pod With(Pod pod, ContainerStatus container) => HostNetworkPods.With(pod, container);

    private static BaseView ViewOf(string life, int? port) => new()
    {
        IsConnected = true,
        LastMessageAt = World.Start,
        State = BaseState.Up,
        Life = new(life, JvmStart),
        ArkletPort = port,
    };
}
