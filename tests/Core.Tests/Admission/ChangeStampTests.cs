using System.Text.Json.Nodes;
using ModuleController.Core.Admission;
using ModuleController.Core.Modules.Facts;
using ModuleController.Core.Modules.Names;
using ModuleController.Core.Modules.Records;

namespace ModuleController.Core.Tests.Admission;

public class ChangeStampTests
{
    private static readonly LastChange Alice = new()
    {
        User = "alice",
        Time = new(2026, 1, 31, 9, 0, 0, TimeSpan.Zero),
        Request = "r-1",
    };

    private static string Revision { get; } = new Revision("orders", "1.0.0", null).Hash();

    private static string Stamp { get; } =
        $$"""{"user":"alice","time":"2026-01-31T09:00:00Z","request":"r-1","revision":"{{Revision}}"}""";

    [Fact]
    public void A_created_object_names_its_user_whatever_it_says_itself()
    {
        Assert.Equal(Stamp, Change(Written(Of("1.0.0"), null)));
        Assert.Equal(Stamp, Change(Written(Of("1.0.0", (Annotations.LastChange, "forged")), null)));
        var forged = Written(Of("1.0.0", (Annotations.LastAction, "forged"), (Annotations.ActionHistory, "[]")), null);
        Assert.Equal([Annotations.LastChange], Names(forged));
    }

    [Fact]
    public void A_change_of_the_spec_or_of_an_annotation_names_its_user_and_the_requested_verb()
    {
        var stored = Written(Of("1.0.0"), null);
        var bob = Alice with { User = "bob", Request = "r-2" };

        Assert.Contains("\"user\":\"bob\"", Change(Written(With(stored, "spec", new JsonObject { ["paused"] = true }), stored, bob)));
        var acting = Of("1.0.0", (Annotations.LastChange, Stamp), (Annotations.Action, "undo 3"));
        Assert.EndsWith("\"action\":\"undo 3\"}", Change(Written(acting, stored, bob)));
    }

    [Fact]
    public void A_write_that_changes_nothing_else_changes_nothing()
    {
        var stored = Written(Of("1.0.0", ("note", "1")), null);
        var bob = Alice with { User = "bob", Request = "r-2" };

        // As it was read, without our annotations as a GitOps tool replaces it, and with forged ones.
        Assert.Equal(stored.ToJsonString(), Written(stored, stored, bob).ToJsonString());
        Assert.Equal(stored.ToJsonString(), Written(Of("1.0.0", ("note", "1")), stored, bob).ToJsonString());
        var forged = Of(
            "1.0.0", ("note", "1"), (Annotations.LastChange, "{}"), (Annotations.LastAction, "x"), (Annotations.ActionHistory, "x"));
        Assert.Equal(stored.ToJsonString(), Written(forged, stored, bob).ToJsonString());
        // Neither is what the API server and other controllers write.
        var touched = With(stored, "metadata", new JsonObject
        {
            ["managedFields"] = new JsonArray(),
            ["resourceVersion"] = "7",
            ["finalizers"] = new JsonArray("other"),
            ["annotations"] = stored["metadata"]!["annotations"]!.DeepClone(),
        });
        Assert.Equal(touched.ToJsonString(), Written(touched, stored, bob).ToJsonString());
    }

    [Fact]
    public void An_object_from_before_the_webhook_stays_without_author_until_it_is_changed()
    {
        var (stored, bare) = (Of("1.0.0"), (JsonObject)JsonNode.Parse("""{"metadata":{},"spec":{}}""")!);

        Assert.Empty(Names(Written(Of("1.0.0", (Annotations.LastChange, "forged")), stored)));
        Assert.Equal(bare.ToJsonString(), Written(bare, bare).ToJsonString());
    }

    [Fact]
    public void A_spec_that_can_not_be_read_has_an_author_but_no_revision()
    {
        var written = Written((JsonObject)JsonNode.Parse("""{"metadata":{"annotations":null},"spec":{"template":7}}""")!, null);

        Assert.Equal("""{"user":"alice","time":"2026-01-31T09:00:00Z","request":"r-1"}""", Change(written));
    }

    [Fact]
    public void A_long_user_name_is_cut() =>
        Assert.InRange(Change(Written(Of("1.0.0"), null, Alice with { User = new('x', 100_000) })).Length, 256, 400);

    [Theory]
    [InlineData("o'brien \"ada\" <a@b.c>\n\t\\ 因 😀 \0")]
    [InlineData("system:serviceaccount:shop:deployer")]
    [InlineData(" ")]
    public void A_user_name_of_any_characters_is_read_as_it_was(string user)
    {
        var text = Change(Written(Of("1.0.0"), null, Alice with { User = user }));

        var annotations = new Dictionary<string, string> { [Annotations.LastChange] = text };
        Assert.Equal(
            Alice with { User = user, Revision = Revision }, LastChange.Of(new() { Metadata = new() { Annotations = annotations } }));
    }

    private static JsonObject Written(JsonObject written, JsonObject? stored, LastChange? by = null)
    {
        var result = (JsonObject)written.DeepClone();
        foreach (var step in ChangeStamp.Patch(written, stored, by ?? Alice)) Apply(result, step!);
        return result;
    }

    // The steps that the difference of two annotations can have.
    private static void Apply(JsonObject item, JsonNode step)
    {
        var path = ((string)step["path"]!).Split('/')[1..];
        var parent = path[..^1].Aggregate((JsonNode)item, (node, name) => node[Unescaped(name)]!).AsObject();
        if ((string)step["op"]! == "remove") Assert.True(parent.Remove(Unescaped(path[^1])));
        else parent[Unescaped(path[^1])] = step["value"]?.DeepClone();
    }

    private static string Unescaped(string name) =>
        name.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal);

    private static string Change(JsonObject item) => (string)item["metadata"]!["annotations"]![Annotations.LastChange]!;

    private static IEnumerable<string> Names(JsonObject item) => item["metadata"]!["annotations"]!.AsObject().Select(pair => pair.Key);

    private static JsonObject With(JsonObject item, string name, JsonObject value)
    {
        var changed = (JsonObject)item.DeepClone();
        foreach (var (field, content) in value) changed[name]![field] = content?.DeepClone();
        return changed;
    }

    private static JsonObject Of(string version, params (string Name, string Value)[] annotations)
    {
        var item = (JsonObject)JsonNode.Parse("""
            {"metadata":{"name":"orders"},"spec":{"template":{"spec":{"module":{"name":"orders"}}}}}
            """)!;
        item["spec"]!["template"]!["spec"]!["module"]!["version"] = version;
        if (annotations.Length > 0)
        {
            item["metadata"]!["annotations"] = new JsonObject(
                annotations.Select(annotation => KeyValuePair.Create(annotation.Name, (JsonNode?)annotation.Value)));
        }

        return item;
    }
}
