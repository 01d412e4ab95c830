namespace ModuleController.Agent.Tests.Contract;

/// <summary>These share one JVM: starting one takes longer than most of the tests.</summary>
[CollectionDefinition(Name)]
public sealed class RealContractCollection : ICollectionFixture<RealFixture>
{
    public const string Name = "the contract on a real base";
}

[Collection(RealContractCollection.Name)]
public class RealCommandTests(RealFixture fixture) : CommandContract(fixture);

[Collection(RealContractCollection.Name)]
public class RealWireTests(RealFixture fixture) : WireContract(fixture);

[Collection(RealContractCollection.Name)]
public class RealLifeTests(RealFixture fixture) : LifeContract(fixture);

[Collection(RealBaseCollection.Name)]
public class RealMetaspaceTests(RealMetaspaceTests.Fixture fixture) : MetaspaceContract(fixture), IClassFixture<RealMetaspaceTests.Fixture>
{
    public sealed class Fixture : RealFixture
    {
        protected override string[] Flags => [$"-XX:MaxMetaspaceSize={Limit}"];
    }
}
