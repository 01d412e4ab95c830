using ModuleController.Core.Agents;
using ModuleController.Core.BasePods;
using ModuleController.Core.Commands;
using ModuleController.Core.Modules;

namespace ModuleController.Core.Tests.BasePod;

/// <summary>An install that ends its JVM: who is blamed, and when it is final.</summary>
public sealed class BaseDiedTests
{
    private readonly World _world = new();

    [Fact]
    public void BaseDied_is_an_install_during_which_the_life_ended()
    {
        var (suspect, other) = (_world.Add("a-suspect"), _world.Add("b-other"));
        _world.Reconcile();
        _world.Advance(3);
        _world.Agent.Restart(_world.Now);
        _world.Sent.Clear();

        _world.Settle();

        var warning = Assert.Single(_world.Events);
        Assert.Equal((suspect.Metadata.Uid, nameof(FailureReason.BaseDied)), (warning.Module?.Metadata.Uid, warning.Reason));
        // A suspect comes after all others.
        Assert.Equal(["b-other", "a-suspect"], _world.Sent.Select(command => command.Name));
        Assert.True(_world.Find(other)!.IsAvailable && _world.Find(suspect)!.IsAvailable);
        Assert.Equal(nameof(FailureReason.BaseDied), _world.Status(suspect).LastError!.Reason);

        // It has lived for a minute: no suspect any more.
        _world.SettleWithin(61);
        Assert.Null(_world.Status(suspect).LastError);
    }

    [Fact]
    public void BaseDied_is_known_from_the_agent_by_a_controller_that_was_not_there()
    {
        var suspect = _world.Add("suspect");
        _world.Reconcile();
        _world.Agent.Forget();
        _world.Memory = BasePodMemory.Empty;
        _world.Agent.Restart(_world.Now.AddSeconds(3));
        _world.Advance(20);
        _world.Agent.Connect();
        _world.Reconcile();
        Assert.Equal((nameof(FailureReason.BaseDied), "1"),
            (_world.Status(suspect).LastError!.Reason, _world.Status(suspect).LastError!.Code));

        // Said again in every snapshot of the life, and counted once.
        _world.Settle();
        _world.SettleWithin(10);
        Assert.Equal("1", _world.Status(suspect).LastError!.Code);
        Assert.Single(_world.Events);
    }

    [Fact]
    public void BaseDied_is_also_an_install_that_was_answered_by_silence_before_the_new_life_was_seen()
    {
        var suspect = _world.Add("suspect");
        _world.Reconcile();
        _world.Advance(3);
        _world.Agent.Finish(_world.Now, FailureReason.ArkletUnreachable, "nothing listens");
        _world.Reconcile();
        Assert.Equal(nameof(FailureReason.ArkletUnreachable), _world.Status(suspect).LastError!.Reason);

        _world.Agent.State = BaseState.Down;
        _world.Reconcile();
        _world.Advance(3);
        _world.Agent.Restart(_world.Now);
        _world.Settle();
        Assert.Equal((nameof(FailureReason.BaseDied), "1"),
            (_world.Status(suspect).LastError!.Reason, _world.Status(suspect).LastError!.Code));
    }

    [Fact]
    public void BaseDied_twice_is_final()
    {
        var suspect = _world.Add("suspect");
        _world.Settle();
        for (var exit = 1; exit <= 2; exit++)
        {
            _world.Advance(20);
            _world.Agent.Restart(_world.Now);
            _world.Settle();
        }

        _world.SettleWithin(3600);
        Assert.Equal(2, _world.Sent.Count);
        Assert.Equal((ModulePhase.Failed, "2"), (_world.Status(suspect).Status, _world.Status(suspect).LastError!.Code));
        Assert.Equal(2, _world.Events.Count(item => item.Reason == nameof(FailureReason.BaseDied)));
    }

    [Fact]
    public void BaseDied_does_not_blame_what_lived_for_a_minute_here_or_elsewhere()
    {
        var (old, young) = (_world.Add("old"), _world.Add("young"));
        _world.Lived.Add("young:1.0.0");
        _world.Agent.Biz.Add(
            new("old", "1.0.0", BizState.Activated) { ModuleUid = old.Metadata.Uid, InstalledAt = _world.Now.AddMinutes(-2) });
        _world.Settle();
        _world.Advance(10);
        _world.Agent.Restart(_world.Now);

        _world.Settle();

        Assert.Empty(_world.Events);
        Assert.All([old, young], module => Assert.True(_world.Find(module)!.IsAvailable));
    }

    [Fact]
    public void BaseDied_blames_all_that_were_new_and_then_finds_the_one()
    {
        var (good, suspect) = (_world.Add("a-good"), _world.Add("b-suspect"));
        _world.Settle();
        EndJvm();
        // It may have been either, or somebody's hand: it counts for neither, and both are back at once.
        Assert.Equal(["0+", "0+"], new[] { good, suspect }.Select(module => _world.Status(module).LastError!.Code));
        Assert.Equal(["a-good", "b-suspect"], _world.Sent.Select(command => command.Name));

        EndJvm();
        Assert.Equal(["0++", "0++"], new[] { good, suspect }.Select(module => _world.Status(module).LastError!.Code));
        Assert.Equal(["a-good"], _world.Sent.Select(command => command.Name));

        _world.SettleWithin(62);
        Assert.Equal(["a-good", "b-suspect"], _world.Sent.Select(command => command.Name));
        Assert.Null(_world.Status(good).LastError);

        EndJvm();
        Assert.Equal("1", _world.Status(suspect).LastError!.Code);
        EndJvm();
        Assert.Equal((ModulePhase.Failed, "2"), (_world.Status(suspect).Status, _world.Status(suspect).LastError!.Code));
        Assert.True(_world.Find(good)!.IsAvailable);

        void EndJvm()
        {
            _world.Advance(10);
            _world.Agent.Restart(_world.Now);
            _world.Sent.Clear();
            _world.Settle();
        }
    }

    [Fact]
    public void BaseDied_during_an_install_is_pinned_on_it_only_where_nothing_else_was_new()
    {
        var (other, late) = (_world.Add("a-other"), _world.Add("b-late"));
        foreach (var code in (string[])["0+", "0++"])
        {
            DieDuringTheSecond();
            // The other one is seconds old: it may be what ends a base a little after its start.
            Assert.Equal([code, code], new[] { other, late }.Select(module => _world.Status(module).LastError!.Code));
        }

        _world.Settle();
        _world.Advance(61);
        for (var exit = 1; exit <= 2; exit++)
        {
            DieDuringTheSecond();
            Assert.Equal(exit.ToString(System.Globalization.CultureInfo.InvariantCulture), _world.Status(late).LastError!.Code);
        }

        _world.SettleWithin(3600);
        Assert.Equal((ModulePhase.Failed, "2"), (_world.Status(late).Status, _world.Status(late).LastError!.Code));
        Assert.True(_world.Find(other)!.IsAvailable);

        void DieDuringTheSecond()
        {
            for (var round = 0; round < 10 && _world.Agent.Running?.Name != "b-late"; round++)
            {
                _world.Agent.Finish(_world.Now);
                _world.Reconcile();
            }

            Assert.Equal("b-late", _world.Agent.Running?.Name);
            _world.Agent.Restart(_world.Now);
            _world.Reconcile();
        }
    }

    [Fact]
    public void BaseDied_is_shared_also_with_one_whose_status_was_written_before_a_write_failed()
    {
        var (written, unwritten) = (_world.Add("a-written"), _world.Add("b-unwritten"));
        _world.Settle();
        _world.Advance(10);
        _world.Agent.Restart(_world.Now);
        var before = _world.Modules[unwritten.Metadata.Uid!];
        _world.Reconcile();
        _world.Modules[unwritten.Metadata.Uid!] = before;
        _world.Memory = BasePodMemory.Empty;
        _world.Reconcile();
        Assert.Equal(["0+", "0+"], new[] { written, unwritten }.Select(module => _world.Status(module).LastError!.Code));
    }
}
