using System.Text.Json.Nodes;
using ModuleController.Core.Admission;
using ModuleController.Core.Modules.Names;

namespace ModuleController.Core.Tests.Admission;

public class GuardedChangesTests
{
    [Theory]
    [InlineData("pause", "pause")]
    [InlineData("resume", "resume")]
    [InlineData("confirm 2", "confirm")]
    [InlineData("promote", "confirm")]
    [InlineData("abort", "abort")]
    [InlineData("retry", "retry")]
    [InlineData("undo 3", "undo")]
    [InlineData("undo-fast", "undo-fast")]
    [InlineData("redeploy", "redeploy")]
    [InlineData("  \tundo\n ", "undo")]
    public void A_verb_needs_its_subresource_on_a_change_and_on_a_create(string action, string needed)
    {
        Assert.Equal([needed], GuardedChanges.Verbs(Acting(action), Acting(null)));
        Assert.Equal([needed], GuardedChanges.Verbs(Acting(action), null));
        Assert.Empty(GuardedChanges.Verbs(Acting(action), Acting(action)));
    }

    [Theory]
    [InlineData("")]
    [InlineData("Undo")]
    [InlineData("../confirm")]
    [InlineData("*")]
    public void What_is_no_verb_needs_nothing_because_the_controller_refuses_it(string action) =>
        Assert.Empty(GuardedChanges.Verbs(Acting(action), Acting(null)));

    [Fact]
    public void Whoever_overwrites_or_removes_a_verb_needs_the_permission_for_it_too()
    {
        Assert.Equal(["abort", "pause"], GuardedChanges.Verbs(Acting("pause"), Acting("abort")));
        Assert.Equal(["abort"], GuardedChanges.Verbs(Acting(null), Acting("abort")));
        Assert.Equal(["undo"], GuardedChanges.Verbs(Acting("undo 3"), Acting("undo 2")));
    }

    [Fact]
    public void A_number_of_confirmed_batches_needs_the_permission_to_confirm()
    {
        Assert.Equal(["confirm"], GuardedChanges.Verbs(Confirming("1"), Confirming("0")));
        Assert.Equal(["confirm"], GuardedChanges.Verbs(Confirming("0"), Confirming("1")));
        Assert.Equal(["confirm"], GuardedChanges.Verbs(Confirming("2"), null));
        Assert.Equal(["confirm"], GuardedChanges.Verbs(Confirming("\"x\""), Confirming("0")));
        Assert.Equal(["confirm", "undo"], GuardedChanges.Verbs(With(Confirming("1"), "undo"), Confirming("0")));
        Assert.Empty(GuardedChanges.Verbs(Confirming("0"), null));
        Assert.Empty(GuardedChanges.Verbs(Confirming("null"), Confirming("0")));
        Assert.Empty(GuardedChanges.Verbs(Confirming("1"), Confirming("1")));
    }

    [Theory]
    [InlineData(Annotations.Freeze)]
    [InlineData(Annotations.FreezeBy)]
    [InlineData(Annotations.FreezeAll)]
    public void A_freeze_begins_changes_and_ends_with_each_of_its_annotations(string name)
    {
        var (none, some, other) = (Annotated("note", "1"), Annotated(name, "sale"), Annotated(name, "audit"));

        Assert.True(GuardedChanges.Freezes(some, none));
        Assert.True(GuardedChanges.Freezes(some, null));
        Assert.True(GuardedChanges.Freezes(none, some));
        Assert.True(GuardedChanges.Freezes(other, some));
        Assert.False(GuardedChanges.Freezes(some, some));
        Assert.False(GuardedChanges.Freezes(Annotated("note", "2"), none));
        Assert.False(GuardedChanges.Freezes(none, null));
    }

    private static JsonObject Acting(string? action) => action is null ? With([], null) : With([], action);

    private static JsonObject With(JsonObject item, string? action)
    {
        item["metadata"] = action is null ? new JsonObject() : Annotated(Annotations.Action, action)["metadata"]!.DeepClone();
        return item;
    }

    private static JsonObject Confirming(string number) =>
        new() { ["spec"] = new JsonObject { ["confirmBatchNum"] = JsonNode.Parse(number) } };

    private static JsonObject Annotated(string name, string value) =>
        new() { ["metadata"] = new JsonObject { ["annotations"] = new JsonObject { [name] = value } } };
}
