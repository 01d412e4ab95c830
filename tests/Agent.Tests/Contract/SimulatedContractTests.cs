using ModuleController.Dev.ArkletSimulator;

namespace ModuleController.Agent.Tests.Contract;

public class SimulatedCommandTests(SimulatedFixture fixture) : CommandContract(fixture), IClassFixture<SimulatedFixture>;

public class SimulatedWireTests(SimulatedFixture fixture) : WireContract(fixture), IClassFixture<SimulatedFixture>;

public class SimulatedLifeTests(SimulatedFixture fixture) : LifeContract(fixture), IClassFixture<SimulatedFixture>;

public class SimulatedMetaspaceTests(SimulatedMetaspaceTests.Fixture fixture)
    : MetaspaceContract(fixture), IClassFixture<SimulatedMetaspaceTests.Fixture>
{
    public sealed class Fixture : SimulatedFixture
    {
        protected override SimulatedBaseOptions Options => new() { MaxMetaspace = Limit };
    }
}
