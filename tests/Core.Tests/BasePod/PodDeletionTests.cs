using ModuleController.Core.Commands;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.Core.Placement;

namespace ModuleController.Core.Tests.BasePod;

/// <summary>Base pods that a user deletes by label.</summary>
public class PodDeletionTests
{
    private readonly World _world = new();

    [Fact]
    public void A_drained_pod_goes_when_its_last_module_is_uninstalled()
    {
        var orders = Installed("orders");
        Label(Labels.DeletePod);
        _world.Settle();
        Assert.False(_world.Last.DeletesPod);

        // Placement does this, since to it the pod is the base's no longer.
        Assert.False(PodAssessment.IsActive(_world.Pod!));
        _world.Delete(orders);
        while (_world.Modules.Count > 0)
        {
            Assert.False(_world.Reconcile().DeletesPod);
            if (_world.Agent.Running is not null) _world.Agent.Finish(_world.Now);
        }

        Assert.True(_world.Reconcile().DeletesPod);
        Assert.Empty(_world.Modules);
        Assert.Empty(_world.Agent.Biz);
        Assert.IsType<ModuleCommand.Uninstall>(_world.Sent[^1]);
    }

    [Fact]
    public void An_empty_pod_goes_at_once()
    {
        Label(Labels.DeletePod);
        Assert.True(_world.Reconcile().DeletesPod);
    }

    [Fact]
    public void Deleted_directly_it_goes_with_all_that_it_has()
    {
        Installed("orders");
        Label(Labels.DeletePodDirectly);
        var plan = _world.Reconcile();
        Assert.True(plan.DeletesPod);
        Assert.Null(plan.Command);
    }

    [Fact]
    public void A_silent_base_is_not_waited_for_longer_than_for_any_deletion()
    {
        var orders = Installed("orders");
        Label(Labels.DeletePod);
        _world.Delete(orders);
        _world.Agent.Disconnect(_world.Now);
        _world.Reconcile();
        _world.Advance(119);
        Assert.False(_world.Reconcile().DeletesPod);
        _world.Advance(2);
        _world.Reconcile();
        Assert.True(_world.Reconcile().DeletesPod);
    }

    [Fact]
    public void A_pod_that_its_base_has_released_is_left_alone()
    {
        Label(Labels.DeletePod);
        _world.IsReleased = true;
        Assert.False(_world.Reconcile().DeletesPod);
    }

    [Fact]
    public void One_that_is_terminating_is_not_deleted_again()
    {
        Label(Labels.DeletePodDirectly);
        _world.SetPod(meta => meta with { DeletionTimestamp = _world.Now });
        Assert.False(_world.Reconcile().DeletesPod);
    }

    private Module Installed(string name)
    {
        var module = _world.Add(name);
        var owned = module with
        {
            Metadata = module.Metadata with
            {
                OwnerReferences = [new("koupleless.io/v1alpha1", "ModuleReplicaSet", "set", "set", Controller: true)]
            },
        };
        _world.Modules[module.Metadata.Uid!] = owned;
        _world.Settle();
        Assert.True(_world.Status(owned).Status == ModulePhase.Available);
        return owned;
    }

    private void Label(string label) =>
        _world.SetPod(meta => meta with { Labels = new Dictionary<string, string>(meta.Labels) { [label] = "true" } });
}
