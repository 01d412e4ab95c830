using ModuleController.Core.Execution;
using ModuleController.Core.Meta;
using static ModuleController.SystemTests.Execution.ExecutorBench;

namespace ModuleController.SystemTests.Execution;

/// <summary>An outage of the API server, and a webhook that for one user's objects looks like one.</summary>
public sealed class OutageTests
{
    private readonly ExecutorBench _bench = new();

    public static TheoryData<int> Codes => [0, 401, 429, 503, 504];

    [Theory, MemberData(nameof(Codes))]
    public async Task An_outage_costs_few_calls_and_reports_nothing(int code)
    {
        _bench.Answer = _ => Error(code);
        for (var i = 0; i < 20; i++)
        {
            var outcome = await _bench.RunAsync(Plan(healthy: 40));
            Assert.InRange(_bench.Tried.Count, 1, 7);
            Assert.NotNull(outcome.Interruption);
            Assert.Empty(outcome.Rejections);
            Assert.Equal(Plan(healthy: 40).Sum(stage => stage.Count), outcome.Failed.Count);
            _bench.Clock.Jump(TimeSpan.FromSeconds(10));
        }

        _bench.Answer = _ => null;
        Assert.Null((await _bench.RunAsync(Plan(healthy: 40))).Interruption);
        Assert.Equal(Plan(healthy: 40).Sum(stage => stage.Count), _bench.Tried.Count);
        Assert.Empty(_bench.Log);
    }

    [Fact]
    public async Task An_outage_that_begins_between_two_writes_reports_nothing()
    {
        var calls = 0;
        _bench.Answer = _ => Interlocked.Increment(ref calls) > 20 ? Error(503) : null;
        for (var i = 0; i < 20; i++)
        {
            Assert.Empty((await _bench.RunAsync(Plan(healthy: 40))).Rejections);
            Assert.InRange(_bench.Tried.Count, 1, 60);
            _bench.Clock.Jump(TimeSpan.FromSeconds(10));
        }
    }

    [Theory, MemberData(nameof(Codes))]
    public async Task A_webhook_that_does_not_answer_for_some_module_deployments_stops_no_other(int code)
    {
        _bench.Answer = step => step.StartsWith("broken", StringComparison.Ordinal) ? Error(code) : null;
        HashSet<string> done = [];
        for (var i = 0; i < 4; i++)   // one for each broken one, and one
        {
            await _bench.RunAsync(Plan(healthy: 5));
            done.UnionWith(_bench.Tried.Where(step => step.StartsWith("healthy", StringComparison.Ordinal)));
        }

        Assert.Equal(10, done.Count);
        for (var i = 0; i < 8; i++)
        {
            _bench.Clock.Jump(TimeSpan.FromSeconds(10));
            await _bench.RunAsync(Plan(healthy: 5));
        }

        var outcome = await _bench.RunAsync(Plan(healthy: 5));
        Assert.Null(outcome.Interruption);
        Assert.Equal(["broken-0", "broken-1", "broken-2"], outcome.Rejections.Keys.Select(key => key.Name).Order());
    }

    [Fact]
    public async Task What_may_be_an_outage_comes_last_the_next_time()
    {
        _bench.Answer = step => step == "a" ? Error(0) : null;
        for (var i = 0; i < 2; i++)
        {
            await _bench.RunAsync([Step("a", "shop")], [Step("b"), Step("c", "", "a")]);
            _bench.Clock.Jump(TimeSpan.FromMinutes(6));
        }

        Assert.Equal(["b", "a"], _bench.Tried);
    }

    [Fact]
    public async Task A_unit_that_is_alone_is_reported_once_other_keys_are_answered()
    {
        _bench.Answer = step => step == "a" ? Error(429) : null;
        for (var i = 0; i < 3; i++)
        {
            var alone = await _bench.RunAsync([Step("a", "shop")]);
            Assert.NotNull(alone.Interruption);
            Assert.Empty(alone.Rejections);
            _bench.Clock.Jump(TimeSpan.FromSeconds(5));
        }

        for (var i = 0; i < 2; i++)
        {
            var own = _bench.Key;
            _bench.Key = new("default", "other");
            await _bench.RunAsync([Step("b")]);
            _bench.Key = own;
            Assert.Null((await _bench.RunAsync([Step("a", "shop")])).Interruption);
            _bench.Clock.Jump(TimeSpan.FromSeconds(10));
        }

        Assert.Equal([new ObjectKey("default", "shop")], (await _bench.RunAsync([Step("a", "shop")])).Rejections.Keys);
    }

    [Fact]
    public async Task A_unit_that_is_alone_for_longer_than_a_leader_survives_an_outage_is_reported()
    {
        _bench.Answer = _ => Error(503);
        HashSet<ObjectKey> reported = [];
        for (var i = 0; i < 6; i++)
        {
            var outcome = await _bench.RunAsync([Step("a", "shop")]);
            Assert.Equal(i < 3, outcome.Interruption is not null);
            reported.UnionWith(outcome.Rejections.Keys);
            _bench.Clock.Jump(TimeSpan.FromSeconds(11));
        }

        Assert.Equal([new ObjectKey("default", "shop")], reported);
    }

    /// <summary>Three broken ModuleDeployments with twenty Modules each come before the healthy ones, in two stages.</summary>
    private static IReadOnlyList<PlannedStep<string>>[] Plan(int healthy) =>
        [.. Enumerable.Range(1, 2).Select(stage => Stage(stage, healthy))];

    private static IReadOnlyList<PlannedStep<string>> Stage(int stage, int healthy) =>
    [
        .. Enumerable.Range(0, 60).Select(i => Step($"broken-{i / 20}-{i}-{stage}", $"broken-{i / 20}")),
        .. Enumerable.Range(0, healthy).Select(i => Step($"healthy-{i}-{stage}", $"healthy-{i}")),
    ];
}
