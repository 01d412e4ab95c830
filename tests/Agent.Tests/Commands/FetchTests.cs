using ModuleController.Protocol.V1;
using ModuleController.Tests;
using static ModuleController.Agent.Tests.EndToEnd.AgentCommands;

namespace ModuleController.Agent.Tests.Commands;

public sealed class FetchTests : IAsyncLifetime
{
    private RunnerBench _bench = null!;

    private FakeArklet Arklet => _bench.Arklet;

    public async ValueTask InitializeAsync() => _bench = await RunnerBench.StartAsync();

    public ValueTask DisposeAsync() => _bench.DisposeAsync();

    [Fact]
    public async Task A_fetch_runs_beside_an_install_and_its_jar_is_installed_later()
    {
        var release = Arklet.HoldInstalls();
        var install = _bench.InstallOf("orders");
        var done = _bench.Expect(install.Id);
        _bench.Runner.Submit(install);
        var jar = _bench.Jar("invoice", "2.0.0");
        var fetched = await _bench.RunAsync(Fetch(_bench.Life, "invoice", "2.0.0", jar));
        Assert.Equal((Outcome.Succeeded, "invoice"), (fetched.Outcome, fetched.Artifact.Name));
        Assert.Equal([Uid("invoice", "2.0.0")], _bench.Snapshot().Staged);
        Assert.Equal(install.Id, Assert.Single(_bench.Runner.Running).CommandId);
        release.SetResult();
        Assert.Equal(Outcome.Succeeded, (await done).Outcome);

        File.Delete(jar.LocalPath);
        await _bench.RestartAsync();
        Assert.Equal([Uid("invoice", "2.0.0")], _bench.Snapshot().Staged);
        Assert.Equal(Outcome.Succeeded, (await _bench.RunAsync(Install(_bench.Life, "invoice", "2.0.0", jar))).Outcome);
        Assert.Empty(_bench.Snapshot().Staged);
    }

    [Fact]
    public async Task A_failed_fetch_reports_the_reason_and_stages_nothing()
    {
        var wrong = await _bench.RunAsync(Fetch(_bench.Life, "orders", "2.0.0", _bench.Jar("orders", "1.0.0")));
        Assert.Equal((Outcome.Failed, Reason.InvalidArtifact, "OTHER_MODULE"), (wrong.Outcome, wrong.Reason, wrong.Code));
        var digest = await _bench.RunAsync(
            Fetch(_bench.Life, "orders", "2.0.0", _bench.Jar("orders", "2.0.0"), attempt: 2, sha256: new string('0', 64)));
        Assert.Equal((Outcome.Failed, Reason.DigestMismatch), (digest.Outcome, digest.Reason));
        Assert.Empty(_bench.Snapshot().Staged);
        Assert.Empty(_bench.Snapshot().Attempts);
        Assert.Empty(Arklet.Calls);
    }

    [Fact]
    public async Task Fetches_run_two_at_a_time()
    {
        await using var store = await SlowStore.StartAsync();
        foreach (var name in (string[])["a", "b", "c"]) _bench.Runner.Submit(Fetch(_bench.Life, name, "1.0.0", store.Url(name)));
        await Eventually.True(() => store.Waiting == 2);
        Assert.Equal(2, _bench.Runner.Running.Count(running => running.Phase is CommandPhase.Downloading));
        store.Release();
        await Eventually.True(() => _bench.Runner.Running.Count == 0);
        Assert.Equal(3, store.Requests);
    }

    [Fact]
    public async Task An_inspection_whose_download_hangs_does_not_keep_an_install_waiting()
    {
        await using var store = await SlowStore.StartAsync();
        var inspect = Inspect("invoice", "1.0.0", store.Url("invoice"));
        _bench.Runner.Submit(inspect);
        await Eventually.True(() => store.Waiting == 1);

        Assert.Equal(Outcome.Succeeded, (await _bench.RunAsync(_bench.InstallOf("orders"))).Outcome);
        Assert.Equal(inspect.Id, Assert.Single(_bench.Runner.Running).CommandId);
        store.Release();
        await Eventually.True(() => _bench.Runner.Running.Count == 0);
    }
}
