using ModuleController.Core.BasePods;
using ModuleController.Core.Commands;
using ModuleController.Core.Modules;

namespace ModuleController.Core.Tests.BasePod;

/// <summary>What serves stays until the artifact of its successor is on the pod and checked.</summary>
public sealed class PreparationTests
{
    private readonly World _world = new();
    private readonly Module _old;

    public PreparationTests()
    {
        _world.Agent.CanFetch = true;
        _old = _world.Add("orders");
        _world.Settle();
        _world.Sent.Clear();
    }

    [Theory]
    [InlineData("2.0.0")]
    [InlineData("1.0.0")]
    public void The_artifact_is_fetched_while_the_old_version_serves_and_installed_when_that_is_gone(string version)
    {
        var next = _world.Add("orders", version, replaces: _old);
        _world.Settle(finish: false);
        var fetch = Assert.IsType<ModuleCommand.Fetch>(Assert.Single(_world.Sent));
        Assert.Equal($"{next.Metadata.Uid}/fetch/life-1/1", fetch.Id);
        Assert.True(_world.HasLabel("orders"));

        _world.Settle();
        Assert.Single(_world.Sent);
        Assert.True(_world.Find(_old)!.IsAvailable && _world.HasLabel("orders"));

        _world.Delete(_old);
        _world.SettleWithin(5);
        Assert.Equal(["fetch", "uninstall", "install"], _world.Sent.Select(command => command.Action));
        Assert.True(_world.Find(next)!.IsAvailable);
        Assert.Equal(1, _world.Status(next).Attempts);
    }

    [Theory]
    [InlineData(FailureReason.InvalidArtifact)]
    [InlineData(FailureReason.DigestMismatch)]
    [InlineData(FailureReason.ArtifactNotFound)]
    [InlineData(FailureReason.ArtifactDenied)]
    public void An_artifact_that_can_not_be_had_fails_the_new_module_only(FailureReason failure)
    {
        var next = _world.Add("orders", "2.0.0", replaces: _old);
        _world.Settle(finish: false);
        _world.Agent.FinishFetch(_world.Now, failure);
        _world.SettleWithin(3600);

        Assert.Single(_world.Sent);
        var status = _world.Status(next);
        Assert.Equal((ModulePhase.Failed, 1, failure.ToString()), (status.Status, status.Attempts, status.LastError!.Reason));
        Assert.True(_world.Find(_old)!.IsAvailable && _world.HasLabel("orders"));
    }

    [Fact]
    public void A_store_that_does_not_answer_is_tried_again_and_costs_nothing()
    {
        var next = _world.Add("orders", "2.0.0", replaces: _old);
        for (var attempt = 1; attempt <= 3; attempt++)
        {
            while (_world.Agent.Fetching.Count == 0) _world.SettleWithin(1, finish: false);
            _world.Agent.FinishFetch(_world.Now, FailureReason.ArtifactUnreachable);
            _world.Settle(finish: false);
            Assert.Equal(attempt, _world.Status(next).Attempts);
            Assert.True(_world.Find(_old)!.IsAvailable && _world.HasLabel("orders"));
        }

        // Another leader counts on, and asks for nothing that was answered before.
        _world.Agent.Answers.Clear();
        _world.Memory = BasePodMemory.Empty;
        _world.SettleWithin(30);
        Assert.Equal([1, 2, 3, 4], _world.Sent.Select(command => command.Attempt));
        Assert.Contains(next.Metadata.Uid, _world.Agent.Staged);
    }

    [Fact]
    public void Fetches_run_two_at_a_time_beside_the_command_that_calls_arklet()
    {
        var others = new[] { "a", "b" }.Select(name => _world.Add(name)).ToList();
        _world.Settle();
        var busy = _world.Add("busy");
        _world.Reconcile();
        Assert.Equal(busy.Metadata.Uid, _world.Agent.Running!.ModuleUid);
        foreach (var other in others.Append(_old)) _world.Add(other.Spec.Module.Name, "2.0.0", replaces: other);
        _world.Settle(finish: false);
        Assert.Equal(2, _world.Agent.Fetching.Count);
        Assert.NotNull(_world.Agent.Running);

        _world.Agent.FinishFetch(_world.Now);
        _world.Settle(finish: false);
        Assert.Equal(2, _world.Agent.Fetching.Count);
    }

    [Fact]
    public void What_was_sent_and_does_not_run_yet_is_not_sent_again()
    {
        var next = _world.Add("orders", "2.0.0", replaces: _old);
        var state = _world.State();
        Assert.Null(BasePodPlanner.Plan(
            state with { View = state.View! with { SentBeside = [$"{next.Metadata.Uid}/fetch/life-1/1"] } }, _world.Now).Command);
    }

    [Fact]
    public void On_a_pod_without_metaspace_the_old_version_stays_and_the_new_module_says_why()
    {
        var next = _world.Add("orders", "2.0.0", replaces: _old);
        _world.Agent.IsMetaspaceFull = true;
        _world.SettleWithin(10);
        Assert.IsType<ModuleCommand.Fetch>(Assert.Single(_world.Sent));
        Assert.Equal("pod shop/base-1 is out of Metaspace until its base restarts; orders:1.0.0 continues to serve",
            _world.Status(next).Message);
        Assert.True(_world.Find(_old)!.IsAvailable);
    }

    [Fact]
    public void No_more_is_fetched_than_an_agent_keeps()
    {
        var old = Enumerable.Range(0, ModuleCommand.MostStaged + 2).Select(i => _world.Add($"m{i:d2}")).ToList();
        _world.Settle();
        _world.Sent.Clear();
        var next = old.ConvertAll(module => _world.Add(module.Spec.Module.Name, "2.0.0", replaces: module));
        _world.SettleWithin(60);
        Assert.Equal(ModuleCommand.MostStaged, _world.Sent.Count);
        Assert.Equal(ModuleCommand.MostStaged, _world.Agent.Staged.Count);
        var waiting = next.Where(module => !_world.Agent.Staged.Contains(module.Metadata.Uid!)).ToList();
        Assert.All(waiting,
            module =>
            Assert.StartsWith("waiting until fewer than 32 fetched artifacts wait", _world.Status(module).Message,
            StringComparison.Ordinal));

        // What is installed makes room.
        var first = next.First(module => _world.Agent.Staged.Contains(module.Metadata.Uid!));
        _world.Delete(old.Single(module => module.Metadata.Uid == first.Spec.Replaces));
        _world.SettleWithin(10);
        Assert.Single(waiting, module => _world.Agent.Staged.Contains(module.Metadata.Uid!));
    }

    [Fact]
    public void An_agent_that_can_not_fetch_gets_no_fetch()
    {
        _world.Agent.CanFetch = false;
        _world.Add("orders", "2.0.0", replaces: _old);
        _world.SettleWithin(10);
        Assert.Empty(_world.Sent);
        _world.Delete(_old);
        _world.SettleWithin(5);
        Assert.Equal(["uninstall", "install"], _world.Sent.Select(command => command.Action));
    }
}
