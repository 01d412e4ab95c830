using ModuleController.Agent.Tests.Contract;
using ModuleController.Protocol.V1;
using static ModuleController.Agent.Tests.EndToEnd.AgentCommands;

namespace ModuleController.Agent.Tests.EndToEnd;

/// <summary>What becomes of a JVM's Metaspace, which only a small one can show.</summary>
public abstract class MetaspaceScenario(ContractFixture fixture) : IAsyncLifetime
{
    private readonly DirectoryInfo _state = Directory.CreateTempSubdirectory("agent-");

    public ValueTask InitializeAsync()
    {
        fixture.SkipUnlessAvailable();
        return default;
    }

    public ValueTask DisposeAsync()
    {
        _state.Delete(recursive: true);
        GC.SuppressFinalize(this);
        return default;
    }

    [Fact]
    public async Task A_full_Metaspace_has_its_own_reason_and_the_JVM_stays_up()
    {
        var cancellation = TestContext.Current.CancellationToken;
        await using var gateway = await ScriptedGateway.StartAsync(cancellation);
        await using var process = AgentProcess.Start(gateway.Address, fixture.Base.Host, fixture.Base.ArkletPort, _state.FullName);
        var agent = await gateway.AcceptAsync(cancellation);
        await agent.UntilAsync(s => s.Snapshot is { BizKnown: true }, "a snapshot with the list of modules");

        // What reports a failure is loaded by the first one; there would be no room for it later.
        var first = await agent.RunAsync(Install(agent.Life, "plain-throws", "1.0.0", fixture.Base.Jar("plain-throws", "1.0.0")));
        Assert.Equal((Reason.BizStartFailed, "java.io.IOException: licence.bin: truncated"), (first.Reason, first.Message));
        Assert.Equal(Outcome.Succeeded,
            (await agent.RunAsync(Install(agent.Life, "plain", "1.0.0", fixture.Base.Jar("plain", "1.0.0")))).Outcome);
        Assert.Equal(Outcome.Succeeded, (await agent.RunAsync(Uninstall(agent.Life, "plain", "1.0.0"))).Outcome);

        var result = await agent.RunAsync(Install(agent.Life, "metaspace", "1.0.0", fixture.Base.Jar("metaspace", "1.0.0")));
        Assert.Equal((Outcome.Failed, Reason.MetaspaceFull), (result.Outcome, result.Reason));
        Assert.Contains("OutOfMemoryError: Metaspace", result.Message, StringComparison.Ordinal);
        Assert.Null(agent.Biz("metaspace", "1.0.0"));
        Assert.Equal(BaseState.Up, agent.Snapshot!.BaseState);
    }
}

/// <summary>A simulator as small as the real JVM below.</summary>
public sealed class SmallSimulatedFixture : SimulatedFixture
{
    protected override Dev.ArkletSimulator.SimulatedBaseOptions Options => new() { MaxMetaspace = 68L * 1024 * 1024 };
}

/// <summary>A JVM that has no room for the sample module.</summary>
public sealed class SmallRealFixture : RealFixture
{
    protected override string[] Flags => ["-XX:MaxMetaspaceSize=68m"];
}

/// <summary>The Metaspace on the simulator.</summary>
public sealed class SimulatedMetaspaceTests(SmallSimulatedFixture fixture)
    : MetaspaceScenario(fixture), IClassFixture<SmallSimulatedFixture>;

/// <summary>The Metaspace of a real JVM.</summary>
[Collection(RealBaseCollection.Name)]
public sealed class RealMetaspaceTests(SmallRealFixture fixture) : MetaspaceScenario(fixture), IClassFixture<SmallRealFixture>;
