using ModuleController.Core.Agents;
using ModuleController.Core.Commands;
using ModuleController.Core.Modules;
using ModuleController.Protocol.V1;

namespace ModuleController.SystemTests.Gateway;

/// <summary>Commands over an agent's stream, and those that are answered without it.</summary>
public sealed class SentCommandTests : IAsyncLifetime
{
    private GatewayRig _rig = null!;

    public async ValueTask InitializeAsync() => _rig = await GatewayRig.StartAsync();

    public ValueTask DisposeAsync() => _rig.DisposeAsync();

    /// <summary>Such values were stored before a rule existed. The reconcile that sends them must not fail, and the agent not see
    /// them.</summary>
    [Fact]
    public async Task A_command_that_the_agent_would_refuse_is_answered_here_and_the_stream_stays_open()
    {
        var controller = await _rig.StartLeaderAsync();
        var (agent, uid) = await _rig.ConnectedAsync(controller, "base-0");
        var pod = GatewayRig.Pod("base-0");
        foreach (var (attempt, source) in new[]
        {
            (1, new ModuleSource { Name = "orders", Version = "1.0.0", Url = "http://repository/orders.jar", Md5 = "abc" }),
            (2, new ModuleSource { Name = "orders", Version = "1.0.0", Url = "http://repository/" + new string('张', 3000) }),
        })
        {
            var bad = Messages.Install(attempt: attempt) with { Source = source };
            Assert.True(controller.Agents.TrySend(pod, uid, bad));
            var answer = controller.Agents.Find(pod, uid)!.Answers[bad.Id];
            Assert.Equal((CommandOutcome.Refused, FailureReason.InvalidArtifact), (answer.Outcome, answer.Reason));
            Assert.Contains(": must be ", answer.Message, StringComparison.Ordinal);
        }

        Assert.True(controller.Agents.TrySend(pod, uid, Messages.Install(attempt: 3)));
        Assert.Equal(Messages.Install(attempt: 3).Id, (await agent.NextAsync()).Command.Id);
    }

    [Fact]
    public async Task A_command_goes_out_with_the_epoch_and_its_answer_comes_back()
    {
        var controller = await _rig.StartLeaderAsync();
        var (agent, uid) = await _rig.ConnectedAsync(controller, "base-0");

        Assert.True(controller.Agents.TrySend(GatewayRig.Pod("base-0"), uid, Messages.Install()));
        Assert.False(controller.Agents.TrySend(GatewayRig.Pod("base-0"), uid, Messages.Install("m-2")));
        Assert.False(controller.Agents.TrySend(GatewayRig.Pod("base-0"), "another uid", Messages.Install("m-2")));
        Assert.False(controller.Agents.TrySend(GatewayRig.Pod("base-1"), uid, Messages.Install("m-2")));
        Assert.Equal(Messages.Install().Id, controller.Agents.Find(GatewayRig.Pod("base-0"), uid)!.Sent);

        var command = (await agent.NextAsync()).Command;
        Assert.Equal((Messages.Install().Id, 1ul, Messages.Life), (command.Id, command.Epoch, command.BaseLifeId));
        Assert.Equal(("orders", "http://repository/orders-1.0.0.jar", true),
            (command.Install.Module.Name, command.Install.Source.Url, command.Install.Activate));
        await agent.SayAsync(Messages.Result(command.Id, Outcome.Failed, Reason.MetaspaceFull));
        await GatewayRig.SeenAsync(
            controller, "base-0", uid,
            view => view!.Sent is null
                && view.Answers.GetValueOrDefault(command.Id)?.Reason == Core.Commands.FailureReason.MetaspaceFull, "the answer is seen");
        Assert.True(controller.Agents.TrySend(GatewayRig.Pod("base-0"), uid, Messages.Install("m-2")));
    }

    [Fact]
    public async Task A_url_that_an_older_agent_does_not_accept_fails_its_command_and_closes_nothing()
    {
        var controller = await _rig.StartLeaderAsync();
        var (agent, uid) = await _rig.ConnectedAsync(controller, "base-0");
        var command = Messages.Install() with { Source = Messages.Source("orders") with { Url = "http://jars/" + new string('x', 2048) } };

        Assert.True(controller.Agents.TrySend(GatewayRig.Pod("base-0"), uid, command));
        var answer = controller.Agents.Find(GatewayRig.Pod("base-0"), uid)!.Answers[command.Id];
        Assert.Equal((CommandOutcome.Refused, FailureReason.InvalidArtifact), (answer.Outcome, answer.Reason));
        Assert.Contains("has 2060 bytes", answer.Message, StringComparison.Ordinal);
        Assert.Contains("accepts at most 2048", answer.Message, StringComparison.Ordinal);

        var next = Messages.Install("m-2") with
        {
            Source = Messages.Source("orders") with { Url = "http://jars/" + new string('x', 2036) }
        };
        Assert.True(controller.Agents.TrySend(GatewayRig.Pod("base-0"), uid, next));
        Assert.Equal(next.Id, (await agent.NextAsync()).Command.Id);
    }

    [Fact]
    public async Task With_a_policy_an_agent_that_does_not_enforce_it_is_sent_nothing_to_download()
    {
        var controller = await _rig.StartLeaderAsync();
        var (agent, uid) = await _rig.ConnectedAsync(controller, "base-0");
        var command = Messages.Install() with { Policy = new() { MaxBytes = 1 } };
        Assert.True(controller.Agents.TrySend(GatewayRig.Pod("base-0"), uid, command));
        var answer = controller.Agents.Find(GatewayRig.Pod("base-0"), uid)!.Answers[command.Id];
        Assert.Equal(
            (CommandOutcome.Refused, FailureReason.ArtifactNotAllowed,
                "the agent of this pod, of an older version, does not enforce the artifact policy: replace the pod"),
            (answer.Outcome, answer.Reason, answer.Message));

        // What needs no download is sent.
        var next = new ModuleCommand.Uninstall("m-1", "orders", "1.0.0", Messages.Life, 1, TimeSpan.FromMinutes(1));
        Assert.True(controller.Agents.TrySend(GatewayRig.Pod("base-0"), uid, next));
        Assert.Equal(next.Id, (await agent.NextAsync()).Command.Id);
    }

    [Fact]
    public async Task The_policy_is_sent_in_the_command()
    {
        var controller = await _rig.StartLeaderAsync();
        var uid = await _rig.CreatePodAsync("base-0");
        var agent = _rig.Connect(controller);
        var hello = Messages.Hello("base-0", uid);
        hello.Hello.Capabilities.Add("artifact-policy");
        await agent.SayAsync(hello);
        await agent.NextAsync();
        await agent.SayAsync(Messages.Snapshot(1));
        var command = Messages.Install() with
        {
            Policy = new() { Sources = [ArtifactSource.Parse("http://Repository:80")!], MaxBytes = 1000 },
        };
        await Eventually.True(() => controller.Agents.TrySend(GatewayRig.Pod("base-0"), uid, command));
        Assert.Equal(
            new Protocol.V1.SourcePolicy { Sources = { "http://repository/" }, MaxBytes = 1000 },
            (await agent.NextAsync()).Command.Install.Source.Policy);
    }

    [Fact]
    public async Task A_url_of_8192_bytes_is_sent_to_an_agent_that_says_it_accepts_it()
    {
        var controller = await _rig.StartLeaderAsync();
        var uid = await _rig.CreatePodAsync("base-0");
        var agent = _rig.Connect(controller);
        var hello = Messages.Hello("base-0", uid);
        hello.Hello.Capabilities.Add("long-urls");
        await agent.SayAsync(hello);
        await agent.NextAsync();
        await agent.SayAsync(Messages.Snapshot(1));
        var command = Messages.Install() with { Source = Messages.Source("orders") with { Url = "http://jars/" + new string('x', 8180) } };
        await Eventually.True(() => controller.Agents.TrySend(GatewayRig.Pod("base-0"), uid, command));
        Assert.Equal(command.Source.Url, (await agent.NextAsync()).Command.Install.Source.Url);
    }
}
