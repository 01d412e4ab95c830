using ModuleController.Core.Execution;

namespace ModuleController.Core.Tests.Execution;

public class PlanRunTests
{
    [Fact]
    public void A_stage_begins_when_the_one_before_is_over_and_grows_from_one_step()
    {
        var run = Run([Steps("a1", "b1", "c1", "d1"), Steps("a2", "b2")]);
        Assert.Equal(["a1", "b1 c1", "d1", "a2", "b2"], Rest(run));
    }

    [Fact]
    public void At_most_sixteen_steps_are_handed_out_at_a_time()
    {
        var run = Run([Steps([.. Enumerable.Range(0, 100).Select(i => $"{(char)('a' + (i % 26))}{i}")])]);
        Assert.Equal([1, 2, 4, 8, 16, 16, 16, 16, 16, 5], Rest(run).Select(group => group.Split(' ').Length));
    }

    [Fact]
    public void After_a_failed_step_nothing_more_is_done_for_its_unit_alone()
    {
        var run = Run([Steps("a1", "b1"), Steps("a2", "b2"), Steps("a3", "b3")]);
        Assert.Equal("a1", Text(run.Next()));
        run.Fail("a");
        Assert.Equal(["b1", "b2", "b3"], Rest(run));
        Assert.True(run.HasFailed("a"));
        Assert.False(run.HasFailed("b"));
    }

    [Fact]
    public void What_requires_a_failed_unit_fails_with_it()
    {
        var run = Run([Steps("a1"), [new("b", "b1") { Requires = ["a"] }, new("c", "c1") { Requires = ["d"] }], Steps("b2", "c2")]);
        run.Next();
        run.Fail("a");
        Assert.Equal(["c1", "c2"], Rest(run));
        Assert.True(run.HasFailed("b"));
    }

    [Fact]
    public void Nothing_is_done_for_a_unit_that_is_held()
    {
        var run = new PlanRun<string>([Steps("a1", "b1"), [new("c", "c1") { Requires = ["a"] }]], ["a"]);
        Assert.Equal(["b1"], Rest(run));
    }

    [Fact]
    public void Nothing_is_handed_out_once_it_has_stopped()
    {
        var run = Run([Steps("a1", "b1"), Steps("a2")]);
        run.Next();
        run.Stop();
        Assert.Empty(run.Next());
    }

    [Fact]
    public void What_comes_last_follows_all_others_with_what_requires_it_and_keeps_its_order()
    {
        var run = new PlanRun<string>([Steps("a1", "b1"), [new("c", "c1") { Requires = ["a"] }, new("d", "d1")], Steps("a2", "b2", "c2")],
            [], ["a"]);
        Assert.Equal(["b1", "d1", "b2", "a1", "c1", "a2", "c2"], Rest(run));
    }

    [Fact]
    public void A_unit_of_which_a_step_requires_what_comes_last_goes_on_after_it()
    {
        var run = new PlanRun<string>([Steps("a1", "b1"), [new("b", "b2") { Requires = ["a"] }, new("c", "c1")], [new("b", "b3")]], [],
            ["a"]);
        Assert.Equal(["b1", "c1", "a1", "b2", "b3"], Rest(run));
    }

    private static PlanRun<string> Run(IReadOnlyList<IReadOnlyList<PlannedStep<string>>> stages) => new(stages, []);

    private static IReadOnlyList<PlannedStep<string>> Steps(params string[] steps) =>
        [.. steps.Select(step => new PlannedStep<string>(step[..1], step))];

    private static List<string> Rest(PlanRun<string> run)
    {
        List<string> groups = [];
        while (run.Next() is { Count: > 0 } group) groups.Add(Text(group));
        return groups;
    }

    private static string Text(IEnumerable<PlannedStep<string>> steps) => string.Join(' ', steps.Select(step => step.Step));
}
