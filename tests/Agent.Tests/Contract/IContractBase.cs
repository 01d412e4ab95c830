namespace ModuleController.Agent.Tests.Contract;

/// <summary>A base that the contract suite runs on: the simulator, or a real JVM.</summary>
public interface IContractBase : IAsyncDisposable
{
    string Host { get; }

    int ArkletPort { get; }

    Uri Web { get; }

    /// <summary>The sample module of this name and version, each behaving the same on every base.</summary>
    Uri Jar(string name, string version);

    /// <summary>kill -9 and a new life on the same ports, ready when this returns.</summary>
    Task RestartAsync(CancellationToken cancellation);
}
