namespace ModuleController.Agent.Tests.Contract;

/// <summary>Which base a class of contract tests runs on: one for all tests of the class, where there can be one at all.</summary>
public abstract class ContractFixture : IAsyncLifetime
{
    private IContractBase? _base;

    public IContractBase Base => _base ?? throw new InvalidOperationException("no base was started");

    public abstract void SkipUnlessAvailable();

    public async ValueTask InitializeAsync() => _base = await StartAsync(TestContext.Current.CancellationToken);

    public async ValueTask DisposeAsync()
    {
        if (_base is not null) await _base.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    /// <summary>Null where it is not available.</summary>
    protected abstract Task<IContractBase?> StartAsync(CancellationToken cancellation);
}
