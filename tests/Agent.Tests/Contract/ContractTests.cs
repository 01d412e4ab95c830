using ModuleController.Agent.Arklet;

namespace ModuleController.Agent.Tests.Contract;

/// <summary>What every contract test has: a base without modules, a client, and the module's own HTTP answers.</summary>
public abstract class ContractTests(ContractFixture fixture) : IAsyncLifetime
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(90);
    private HttpClient? _http;
    private ArkletClient? _arklet;

    protected static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    protected IContractBase Base => fixture.Base;

    protected ArkletClient Arklet => _arklet!;

    public async ValueTask InitializeAsync()
    {
        fixture.SkipUnlessAvailable();
        _http = new HttpClient { BaseAddress = Base.Web };
        _arklet = new ArkletClient(
            new ArkletOptions(Base.Host, Base.ArkletPort)
            {
                // some tests hold several of the loops at once, and have only seconds to look at that
                ContinueTimeout = TimeSpan.FromMilliseconds(400),
                CommandConnections = 50,
                QueryConnections = 50,
            },
            TimeProvider.System);
        // A failed test can leave a biz that is still starting. Arklet refuses to remove it until then.
        await UntilAsync("the base has no modules", async () =>
        {
            foreach (var biz in await AllAsync()) await Arklet.UninstallAsync(biz.Name, biz.Version, Cancellation);
            return (await AllAsync()).Count == 0;
        });
    }

    public ValueTask DisposeAsync()
    {
        _http?.Dispose();
        _arklet?.Dispose();
        GC.SuppressFinalize(this);
        return default;
    }

    protected async Task<ArkletResult> InstallAsync(string name, string version)
    {
        // commands have no limit of their own
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60), TimeProvider.System);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, Cancellation);
        return await Arklet.InstallAsync(name, version, Base.Jar(name, version), either.Token);
    }

    protected async Task<ArkletBiz> InstalledAsync(string name, string version)
    {
        var result = await InstallAsync(name, version);
        Assert.Equal((ArkletOutcome.Success, name, version), (result.Outcome, result.Biz?.Name, result.Biz?.Version));
        return result.Biz!;
    }

    protected Task<ArkletResult> UninstallAsync(string name, string version) => Arklet.UninstallAsync(name, version, Cancellation);

    protected async Task<IReadOnlyList<ArkletBiz>> AllAsync()
    {
        var all = await Arklet.QueryAllAsync(Cancellation);
        Assert.NotNull(all);
        return all;
    }

    protected async Task<ArkletBizState?> StateAsync(string name, string version) =>
        (await AllAsync()).FirstOrDefault(b => b.Name == name && b.Version == version)?.State;

    protected async Task<JvmFigures> FiguresAsync()
    {
        var answer = await Arklet.HealthAsync(Cancellation);
        Assert.Equal(HealthOutcome.Answered, answer.Outcome);
        Assert.NotNull(answer.Jvm);
        return answer.Jvm;
    }

    /// <summary>The answer of a module, or the status in its place.</summary>
    protected async Task<string> HelloAsync(string webContextPath)
    {
        using var answer = await _http!.GetAsync($"{webContextPath}/hello", Cancellation);
        return answer.IsSuccessStatusCode ? await answer.Content.ReadAsStringAsync(Cancellation) : $"{(int)answer.StatusCode}";
    }

    protected static async Task UntilAsync(string what, Func<Task<bool>> isTrue)
    {
        var started = TimeProvider.System.GetTimestamp();
        while (!await isTrue())
        {
            Assert.True(TimeProvider.System.GetElapsedTime(started) < Timeout, $"waited {Timeout.TotalSeconds} s until {what}");
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, Cancellation);
        }
    }
}
