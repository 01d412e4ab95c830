using ModuleController.Core.BasePods;
using ModuleController.Core.Commands;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;

namespace ModuleController.Core.Tests.BasePod;

/// <summary>How a module leaves its base pod: traffic first, then the drain, the uninstall and the finalizer.</summary>
public sealed class DeletionTests
{
    private readonly World _world = new();
    private readonly Module _orders;

    public DeletionTests() => _orders = _world.AddInstalled("orders", drain: TimeSpan.FromSeconds(5));

    [Fact]
    public void The_label_goes_then_the_endpoints_then_the_drain_then_the_module_then_the_finalizer()
    {
        _world.InEndpoints.Add("orders");
        _world.Delete(_orders);
        _world.Reconcile();
        Assert.False(_world.HasLabel("orders"));

        _world.SettleWithin(20);
        Assert.Empty(_world.Sent);

        _world.InEndpoints.Clear();
        _world.SettleWithin(4.9);
        Assert.Empty(_world.Sent);
        Assert.Equal((ModulePhase.Terminating, "waiting for the traffic of orders:1.0.0 to drain"),
            (_world.Status(_orders).Status, _world.Status(_orders).Message));

        _world.SettleWithin(0.2, finish: false);
        Assert.IsType<ModuleCommand.Uninstall>(Assert.Single(_world.Sent));
        Assert.NotNull(_world.Find(_orders));

        _world.Settle();
        Assert.Null(_world.Find(_orders));
        Assert.Empty(_world.Agent.Biz);
        Assert.Equal("0", _world.Pod!.Metadata.Labels[Labels.ModuleInstanceCount]);
    }

    [Fact]
    public void Endpoints_that_never_let_go_are_waited_for_a_minute()
    {
        _world.InEndpoints.Add("orders");
        _world.Delete(_orders);

        _world.SettleWithin(64.5);
        Assert.Empty(_world.Sent);
        _world.SettleWithin(1);
        Assert.Null(_world.Find(_orders));
    }

    [Fact]
    public void Without_a_drain_nothing_but_label_uninstall_and_finalizer_is_written()
    {
        _world["orders"] = new();
        var (labels, statuses) = (_world.LabelWrites, _world.StatusWrites);
        _world.Delete(_orders);

        _world.Settle();

        Assert.Equal((1, 0), (_world.LabelWrites - labels, _world.StatusWrites - statuses));
        Assert.Null(_world.Find(_orders));
    }

    [Fact]
    public void An_install_under_way_is_waited_for()
    {
        var catalog = _world.Add("catalog");
        _world.Settle(finish: false);
        _world.Delete(catalog);

        _world.Settle(finish: false);
        Assert.NotNull(_world.Find(catalog));

        _world.Settle();
        Assert.Null(_world.Find(catalog));
        Assert.DoesNotContain(_world.Agent.Biz, biz => biz.Name == "catalog");
    }

    [Fact]
    public void What_was_never_installed_goes_at_once_and_foreign_finalizers_stay()
    {
        var catalog = _world.Add("catalog");
        _world.Modules[catalog.Metadata.Uid!] = catalog with
        {
            Metadata = catalog.Metadata with { Finalizers = ["koupleless.io/module-existed", "else.io/keep", FinalizerNames.Module] },
        };
        _world.Delete(catalog);

        _world.Settle();

        Assert.Equal(["else.io/keep"], _world.Find(catalog)!.Metadata.Finalizers);
        Assert.Empty(_world.Sent);
    }

    [Fact]
    public void Deleted_directly_it_is_disowned_and_stays_in_the_base()
    {
        _world.Delete(_orders, Labels.DeleteModuleDirectly);

        _world.Settle();

        Assert.IsType<ModuleCommand.Disown>(Assert.Single(_world.Sent));
        Assert.Null(_world.Find(_orders));
        Assert.Null(Assert.Single(_world.Agent.Biz).ModuleUid);
        Assert.False(_world.HasLabel("orders"));
        _world.SettleWithin(3600);
        Assert.Single(_world.Agent.Biz);
    }

    [Fact]
    public void An_orphan_is_removed_after_a_minute_and_not_before_the_agents_had_time_to_report()
    {
        _world.Modules.Clear();
        _world.SettleWithin(59);
        Assert.Empty(_world.Sent);
        Assert.False(_world.HasLabel("orders"));

        _world.AcceptingSince = _world.Now;
        _world.SettleWithin(9);
        Assert.Empty(_world.Sent);
        _world.SettleWithin(2);
        Assert.Empty(_world.Agent.Biz);
    }

    [Fact]
    public void After_a_restart_of_ours_the_drain_starts_over()
    {
        _world.Delete(_orders);
        _world.SettleWithin(4);
        _world.Memory = BasePodMemory.Empty;

        _world.SettleWithin(4);
        Assert.Empty(_world.Sent);
        _world.SettleWithin(2);
        Assert.Null(_world.Find(_orders));
    }
}
