using ModuleController.Dev.ArkletSimulator;

namespace ModuleController.Agent.Tests.Contract;

/// <summary>The contract on the simulator, with jars that behave like the sample modules of the real base.</summary>
public sealed class SimulatedContractBase : IContractBase
{
    private const long Megabyte = 1_000_000;
    private readonly DirectoryInfo _jars = Directory.CreateTempSubdirectory("jars-");
    private readonly SimulatedBase _simulated;

    private SimulatedContractBase(SimulatedBase simulated)
    {
        _simulated = simulated;
        Write("orders", "1.0.0", "orders");
        Write("orders", "1.1.0", "orders");
        Write("orders", "2.0.0", "orders",
            ("Fail-Cause", "java.lang.IllegalStateException: cannot reach the ledger database at db.example:5432"));
        Write("catalog", "1.0.0", "catalog-v1");
        Write("catalog", "2.0.0", "catalog-v2");
        Write("invoice", "1.0.0", "invoice");
        Write("slow", "1.0.0", "slow", ("Install-Millis", "4000"));
        Write("hangs", "1.0.0", "hangs", ("Hang", "true"));
        Write("plain", "1.0.0", "plain", ("Plain", "true"));
        Write("plain-sleeps", "1.0.0", "plain-sleeps", ("Plain", "true"), ("Install-Millis", "4000"));
        Write("plain-throws", "1.0.0", "plain-throws", ("Plain", "true"), ("Fail-Cause", "java.io.IOException: licence.bin: truncated"));
        Write(
            "metaspace", "1.0.0", "metaspace", ("Plain", "true"),
            ("Metaspace-Bytes", $"{75 * Megabyte / 10}"), ("Metaspace-Committed-Bytes", $"{25 * Megabyte}"));
    }

    public string Host => _simulated.Arklet.Address.ToString();

    public int ArkletPort => _simulated.ArkletPort;

    public Uri Web => _simulated.Web;

    public static async Task<SimulatedContractBase> StartAsync(SimulatedBaseOptions options) =>
        new(await SimulatedBase.StartAsync(options));

    public Uri Jar(string name, string version) => new(Path.Combine(_jars.FullName, $"{name}-{version}.jar"));

    public Task RestartAsync(CancellationToken cancellation) => _simulated.RestartAsync();

    public async ValueTask DisposeAsync()
    {
        await _simulated.DisposeAsync();
        _jars.Delete(recursive: true);
    }

    private void Write(string name, string version, string webContextPath, params (string Name, string Value)[] behavior) =>
        SampleJar.Write(
            Jar(name, version).LocalPath, name, version, webContextPath, behavior.ToDictionary(b => "Simulator-" + b.Name, b => b.Value));
}

/// <summary>Starts a simulator.</summary>
public class SimulatedFixture : ContractFixture
{
    protected virtual SimulatedBaseOptions Options => new();

    public override void SkipUnlessAvailable()
    {
        // it always is
    }

    protected override async Task<IContractBase?> StartAsync(CancellationToken cancellation) =>
        await SimulatedContractBase.StartAsync(Options);
}
