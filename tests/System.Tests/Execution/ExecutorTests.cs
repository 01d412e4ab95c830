using Microsoft.Extensions.Logging;
using ModuleController.Core.Execution;
using ModuleController.Core.Meta;
using static ModuleController.SystemTests.Execution.ExecutorBench;

namespace ModuleController.SystemTests.Execution;

/// <summary>A unit that is rejected waits for its backoff, is reported, and stops only what requires it.</summary>
public sealed class ExecutorTests
{
    private static readonly ObjectKey Shop = new("default", "shop");

    private readonly ExecutorBench _bench = new();

    private DateTimeOffset Now => _bench.Clock.GetUtcNow();

    [Fact]
    public async Task A_failed_unit_that_another_blocks_is_not_requeued_for_its_own_time()
    {
        _bench.Answer = step => step == "release" ? Error(403) : null;
        var outcome = await RunAsync();
        Assert.Equal(["status", "release"], _bench.Tried);
        _bench.Answer = _ => Error(403);
        _bench.Clock.Jump(outcome.RetryAt!.Value - Now);
        outcome = await RunAsync();
        Assert.Equal(["status"], _bench.Tried);
        Assert.InRange(outcome.RetryAt!.Value - Now, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(2));
        outcome = await RunAsync();   // status is held now
        Assert.Empty(_bench.Tried);
        Assert.True(outcome.RetryAt > Now);

        Task<ControlPlane.Reconcilers.Execution.Outcome> RunAsync() =>
            _bench.RunAsync([Step("status", "shop")], [Step("release", "shop", "status")]);
    }

    [Fact]
    public async Task A_unit_that_was_rejected_and_meets_a_conflict_is_requeued_for_the_conflict()
    {
        _bench.Answer = _ => Error(403);
        var outcome = await _bench.RunAsync([Step("status", "shop")]);
        _bench.Clock.Jump(outcome.RetryAt!.Value - Now);
        _bench.Answer = _ => new Kube.Client.KubeException(new(409, "Conflict", "stale"), "patch");
        outcome = await _bench.RunAsync([Step("status", "shop")]);
        Assert.InRange(outcome.RetryAt!.Value - Now, TimeSpan.FromMilliseconds(100), TimeSpan.FromMilliseconds(200));
    }

    [Fact]
    public async Task No_set_of_rejections_makes_a_key_requeue_at_once()
    {
        var random = new Random(20);
        for (var plan = 0; plan < 200; plan++)
        {
            _bench.Key = new("default", $"base-{plan}");
            var stages = Plan(random);
            for (var run = 0; run < 12; run++)
            {
                var rejected = random.Next(1 << 8);
                int[] codes = [403, 409, 422, 500, 503, 0];
                var code = codes[random.Next(codes.Length)];
                _bench.Answer = step => (rejected >> (step[0] - 'a') & 1) == 1 ? Error(code) : null;
                _bench.Defer = step => step == "h" && random.Next(3) == 0 ? Now.AddSeconds(3) : null;
                var outcome = await _bench.RunAsync(stages);
                Assert.True(outcome.RetryAt is null || outcome.RetryAt > Now, $"plan {plan}, run {run}: {outcome.RetryAt - Now}");
                // Sometimes triggered before, mostly when it is due.
                var isTriggered = random.Next(4) == 0 || outcome.RetryAt is null;
                _bench.Clock.Jump(isTriggered ? TimeSpan.FromSeconds(random.Next(3)) : outcome.RetryAt!.Value - Now);
            }
        }
    }

    [Fact]
    public async Task Another_content_or_another_reason_is_reported_at_once_but_numbers_are_not()
    {
        Assert.Equal("Failed to create Module shop-1: 403 Forbidden: denied by policy", await MessageAsync("denied by policy", "1"));
        Assert.Equal("Failed to create Module shop-1: 403 Forbidden: quota: 3 used", await MessageAsync("quota: 3 used", "2"));
        Assert.Equal("Failed to create Module shop-1: 403 Forbidden: quota: 3 used", await MessageAsync("quota: 4 used", "2"));
        Assert.Equal("Failed to create Module shop-1: 403 Forbidden: denied again", await MessageAsync("denied again", "2"));
        Assert.Equal("Failed to create Module shop-1: 403 Forbidden: denied, 2", await MessageAsync("denied, 2", "3"));

        async Task<string> MessageAsync(string message, string content)
        {
            _bench.Answer = _ => Error(403, message);
            _bench.Clock.Jump(TimeSpan.FromMinutes(2));
            await _bench.RunAsync([Step("create", "shop") with { Content = content }]);
            _bench.Clock.Jump(TimeSpan.FromSeconds(6));
            return (await _bench.RunAsync([Step("create", "shop") with { Content = content }])).Rejections[Shop];
        }
    }

    [Fact]
    public async Task The_message_stays_the_same_whichever_object_of_the_unit_is_tried_first()
    {
        IReadOnlyList<PlannedStep<string>> stage =
        [
            .. ((string[])["shop-a", "shop-b", "shop-c"])
                .Select(name => new PlannedStep<string>("create", name) { Name = name, For = [Shop] }),
        ];
        _bench.Answer = step => new Kube.Client.KubeException(new(403, "Forbidden", $"{step} denied"), $"create Module {step}");
        HashSet<string> messages = [];
        for (var i = 0; i < 6; i++)
        {
            _bench.Clock.Jump(TimeSpan.FromMinutes(2));
            messages.UnionWith((await _bench.RunAsync(stage)).Rejections.Values);
        }

        Assert.Equal(["Failed to create Module shop-a: 403 Forbidden: shop-a denied"], messages);
    }

    [Fact]
    public async Task A_deferred_step_is_neither_a_success_nor_followed_by_what_requires_it()
    {
        _bench.Answer = _ => Error(403);
        await RunAsync();
        _bench.Clock.Jump(TimeSpan.FromSeconds(10));
        _bench.Defer = step => step == "counts" ? Now.AddSeconds(4) : null;
        var outcome = await RunAsync();
        Assert.Equal(["counts"], _bench.Tried);
        Assert.Equal(Now.AddSeconds(4), outcome.RetryAt);
        Assert.Superset(new HashSet<string> { "counts", "after" }, outcome.Failed.ToHashSet());
        Assert.Single(outcome.OwnRejections);   // failing since 10 s
        Assert.Single(_bench.Log);

        _bench.Clock.Jump(TimeSpan.FromSeconds(4));
        (_bench.Defer, _bench.Answer) = (_ => null, _ => null);
        outcome = await RunAsync();
        Assert.Empty(outcome.Failed);
        Assert.Equal((LogLevel.Information, "default/base: counts succeeded at attempt 2"), _bench.Log[^1]);

        Task<ControlPlane.Reconcilers.Execution.Outcome> RunAsync() => _bench.RunAsync([Step("counts")], [Step("after", "", "counts")]);
    }

    [Fact]
    public async Task An_unexpected_exception_fails_its_unit_alone_and_is_reported()
    {
        _bench.Answer = step => step == "a" ? new InvalidOperationException("a bug") : null;
        var outcome = await _bench.RunAsync([Step("a", "shop"), Step("b")], [Step("c")]);
        Assert.Equal(["a", "b", "c"], _bench.Tried);
        Assert.Equal(["a"], outcome.Failed);
        Assert.Equal((LogLevel.Error, "default/base: a failed and is tried again with backoff"), Assert.Single(_bench.Log));
        _bench.Clock.Jump(TimeSpan.FromSeconds(6));
        outcome = await _bench.RunAsync([Step("a", "shop")]);
        Assert.Equal("Internal error in a: a bug", outcome.Rejections[Shop]);
    }

    [Fact]
    public async Task A_cancellation_ends_the_run()
    {
        _bench.Answer = _ => new OperationCanceledException();
        await Assert.ThrowsAsync<OperationCanceledException>(() => _bench.RunAsync([Step("a")]));
    }

    // Eight units in up to four stages; each may require some of the stages before.
    private static IReadOnlyList<PlannedStep<string>>[] Plan(Random random)
    {
        var stages = Enumerable.Range(0, 4).Select(_ => new List<PlannedStep<string>>()).ToArray();
        foreach (var unit in "abcdefgh")
        {
            var stage = random.Next(4);
            var before = stages.Take(stage).SelectMany(steps => steps).Select(step => step.Unit).Where(_ => random.Next(2) == 0).ToArray();
            stages[stage].Add(Step($"{unit}", $"owner-{random.Next(3)}", before));
        }

        return stages;
    }
}
