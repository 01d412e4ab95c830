using ModuleController.Core.BasePods;
using ModuleController.Core.Modules;

namespace ModuleController.Core.Tests.BasePod;

/// <summary>Modules whose pod is gone or goes: there is nothing to uninstall.</summary>
public sealed class DeletionWithoutPodTests
{
    private readonly World _world = new();
    private readonly Module _orders;

    public DeletionWithoutPodTests() => _orders = _world.AddInstalled("orders", drain: TimeSpan.FromSeconds(5));

    [Fact]
    public void A_Module_whose_pod_terminates_is_let_go_at_once_and_traffic_is_cut()
    {
        var other = _world.Add("catalog");
        _world.Settle();
        _world.Sent.Clear();
        _world.Delete(_orders);
        _world.SetPod(meta => meta with { DeletionTimestamp = _world.Now });

        _world.Settle();

        Assert.Null(_world.Find(_orders));
        Assert.False(_world.HasLabel("catalog"));
        Assert.Equal((ModulePhase.Terminating, "pod shop/base-1 is being deleted"),
            (_world.Status(other).Status, _world.Status(other).Message));
        Assert.Empty(_world.Sent);
    }

    [Theory]
    [InlineData("Succeeded")]
    [InlineData("Failed")]
    public void A_Module_whose_pod_has_finished_is_let_go_at_once(string phase)
    {
        _world.Delete(_orders);
        _world.Pod = _world.Pod! with { Status = new() { Phase = phase } };

        _world.Settle();

        Assert.Null(_world.Find(_orders));
        Assert.False(_world.HasLabel("orders"));
        Assert.Empty(_world.Sent);
    }

    [Fact]
    public void A_Module_whose_pod_is_gone_is_let_go_at_once()
    {
        _world.Delete(_orders);
        _world.Pod = null;

        _world.Settle();

        Assert.Null(_world.Find(_orders));
    }

    [Fact]
    public void A_Module_of_an_earlier_pod_of_that_name_is_let_go_at_once_and_has_no_say()
    {
        _world.Delete(_orders);
        _world.SetPod(meta => meta with { Uid = "pod-2" });
        _world.Memory = BasePodMemory.Empty;
        _world.Agent.Restart(_world.Now);

        _world.Settle();

        Assert.Null(_world.Find(_orders));
        Assert.False(_world.HasLabel("orders"));
        Assert.Empty(_world.Sent);
    }

    [Fact]
    public void In_a_terminating_namespace_Modules_are_let_go_at_once_without_events()
    {
        _world.Agent.Disconnect(_world.Now);
        _world.Delete(_orders);
        _world.IsNamespaceTerminating = true;

        _world.Settle();

        Assert.Null(_world.Find(_orders));
        Assert.Empty(_world.Events);
    }
}
