namespace ModuleController.Agent.Tests.Contract;

/// <summary>The contract on a real JVM.</summary>
public sealed class RealContractBase(RealBase real) : IContractBase
{
    public string Host => RealBase.Host;

    public int ArkletPort => real.ArkletPort;

    public Uri Web => real.Web;

    public Uri Jar(string name, string version) => new(RealBase.Module(name, version));

    public Task RestartAsync(CancellationToken cancellation) => real.RestartAsync(cancellation);

    public ValueTask DisposeAsync() => real.DisposeAsync();
}

/// <summary>Starts a real JVM.</summary>
public class RealFixture : ContractFixture
{
    protected virtual string[] Flags => [];

    public override void SkipUnlessAvailable() => RealBase.SkipUnlessConfigured();

    protected override async Task<IContractBase?> StartAsync(CancellationToken cancellation) =>
        RealBase.IsConfigured ? new RealContractBase(await RealBase.StartAsync(cancellation, Flags)) : null;
}
