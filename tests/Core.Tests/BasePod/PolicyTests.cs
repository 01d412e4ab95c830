using ModuleController.Core.Agents;
using ModuleController.Core.Commands;
using ModuleController.Core.Modules;

namespace ModuleController.Core.Tests.BasePod;

/// <summary>Installs, fetches and replays under an artifact policy. The url of a module in this world is at http://jars/.</summary>
public sealed class PolicyTests
{
    private static readonly ArtifactPolicy Allowed = new() { Sources = [ArtifactSource.Parse("http://jars/")!] };
    private static readonly ArtifactPolicy Elsewhere = new() { Sources = [ArtifactSource.Parse("https://allowed.example/modules")!] };

    private readonly World _world = new();

    [Fact]
    public void Installs_and_fetches_carry_the_policy()
    {
        _world.Agent.CanFetch = true;
        _world["orders"] = new() { ArtifactPolicy = Allowed };
        var old = _world.Add("orders");
        _world.Settle();
        _world.Add("orders", "2.0.0", replaces: old);
        _world.Settle();
        Assert.Equal(["install", "fetch"], _world.Sent.Select(command => command.Action));
        Assert.All(_world.Sent, command => Assert.Same(Allowed, command.Policy));
    }

    [Fact]
    public void What_the_policy_does_not_allow_fails_once_with_the_field_the_url_and_the_rule()
    {
        _world["orders"] = new() { ArtifactPolicy = Elsewhere with { RequiresSha256 = true } };
        var orders = _world.Add("orders");
        _world.SettleWithin(3600);
        var status = _world.Status(orders);
        Assert.Equal(
            (ModulePhase.Failed, nameof(FailureReason.ArtifactNotAllowed), 1), (status.Status, status.LastError!.Reason, status.Attempts));
        Assert.Equal(
            "spec.module.url: http://jars/orders-1.0.0.jar is not at a source that the artifact policy allows "
            + "(https://allowed.example/modules); spec.module.sha256: is required by the artifact policy", status.LastError.Message);
        Assert.EndsWith(
            "; is not tried again before its artifact is corrected, or the annotation koupleless.io/action is set to retry after a "
            + "change of the policy or the store", status.Message, StringComparison.Ordinal);
        Assert.Single(_world.Sent);
        Assert.Single(_world.Events);
        Assert.Empty(_world.Agent.Installs);
    }

    [Fact]
    public void After_a_change_of_the_policy_the_verb_retry_installs_it()
    {
        _world["orders"] = new() { ArtifactPolicy = Elsewhere };
        var orders = _world.Add("orders");
        _world.Settle();
        _world.Advance(10);
        _world["orders"] = new() { ArtifactPolicy = Allowed, RetriedAt = _world.Now };
        _world.Settle();
        Assert.True(_world.Find(orders)!.IsAvailable);
    }

    [Fact]
    public void A_replay_is_sent_whatever_the_policy_is_now()
    {
        var orders = _world.Add("orders");
        _world.Settle();
        _world["orders"] = new() { ArtifactPolicy = Elsewhere };
        _world.Agent.Restart(_world.Now);
        _world.Settle();
        Assert.True(_world.Find(orders)!.IsAvailable);
        Assert.True(_world.Sent[^1] is ModuleCommand.Install { IsReplay: true } replay && replay.Policy == Elsewhere);
    }

    [Fact]
    public void A_replay_that_the_agent_refuses_is_tried_again_every_five_minutes_at_most()
    {
        var orders = _world.Add("orders");
        _world.Settle();
        _world["orders"] = new() { ArtifactPolicy = Elsewhere };
        _world.Agent.Restart(_world.Now);
        _world.Sent.Clear();
        var end = _world.Now.AddHours(1);
        while (_world.Now < end)
        {
            _world.SettleWithin(1, finish: false);
            _world.Agent.Finish(_world.Now, FailureReason.ArtifactNotAllowed);
        }

        Assert.InRange(_world.Sent.Count, 12, 30);
        Assert.False(_world.Find(orders)!.IsAvailable);
    }

    [Fact]
    public void What_is_in_the_base_already_is_adopted_without_a_download()
    {
        _world.Agent.Biz.Add(new("orders", "1.0.0", BizState.Activated));
        _world["orders"] = new() { ArtifactPolicy = Elsewhere };
        var orders = _world.Add("orders");
        _world.Settle();
        Assert.Equal(["adopt"], _world.Sent.Select(command => command.Action));
        Assert.True(_world.Find(orders)!.IsAvailable);
    }

    [Theory]
    [InlineData(false, "2.0.0")]
    [InlineData(true, "2.0.0")]
    [InlineData(false, "1.0.0")]
    [InlineData(true, "1.0.0")]
    public void To_an_agent_that_enforces_no_policy_nothing_new_is_sent_and_what_serves_stays(bool canFetch, string version)
    {
        (_world.Agent.CanFetch, _world.Agent.EnforcesPolicy) = (canFetch, false);
        var old = _world.Add("orders");
        _world.Settle();
        _world["orders"] = new() { ArtifactPolicy = Allowed };
        var next = _world.Add("orders", version, replaces: old);
        _world.SettleWithin(3600);
        Assert.Equal(
            (ModulePhase.Failed,
                "the agent of this pod, of an older version, does not enforce the artifact policy: replace the pod"),
            (_world.Status(next).Status, _world.Status(next).LastError!.Message));
        Assert.Single(_world.Agent.Installs);
        Assert.True(_world.Find(old)!.IsAvailable && _world.HasLabel("orders"));
    }

    [Fact]
    public void To_an_agent_that_enforces_no_policy_a_replay_is_sent_if_its_url_is_allowed()
    {
        _world.Agent.EnforcesPolicy = false;
        var (orders, shop) = (_world.Add("orders"), _world.Add("shop"));
        _world.Settle();
        _world["orders"] = new() { ArtifactPolicy = Allowed };
        _world["shop"] = new() { ArtifactPolicy = Elsewhere };
        _world.Agent.Restart(_world.Now);
        _world.SettleWithin(600);
        Assert.True(_world.Find(orders)!.IsAvailable);
        Assert.Equal(nameof(FailureReason.ArtifactNotAllowed), _world.Status(shop).LastError!.Reason);
    }
}
