using System.Text;
using System.Text.Json.Nodes;
using ModuleController.Core.Execution;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.Core.Tests.World;

namespace ModuleController.Core.Tests.Rollout;

/// <summary>Who released a revision and who requested a verb, by the record of the webhook.</summary>
public class AuthorTests
{
    private static Func<OperationStrategy, OperationStrategy> InThree => strategy => strategy with { BatchCount = 3, NeedConfirm = true };

    [Fact]
    public void A_revision_records_who_released_it_why_and_how_it_ended()
    {
        var story = Story.Released(6, strategy: InThree).Upgrade("2.0.0");
        story.Annotate(new(story.Deployment.Metadata.Annotations) { [Annotations.ChangeCause] = "ticket 4711" }).By("ada", "r-1").Rest();
        Assert.Equal("""{"author":"ada","request":"r-1","cause":"ticket 4711","start":"2026-01-31T09:00:00Z"}""", HistoryOf(story, "2.0.0"));

        // What others do during the release is theirs. The release stays hers.
        story.Pass(60).Act("promote").By("bob", "r-2").Settle();
        var record = JsonNode.Parse(HistoryOf(story, "2.0.0"))!;
        Assert.Equal(("ada", "Completed"), (Text(record, "author"), Text(record, "result")));
        Assert.True(string.CompareOrdinal(Text(record, "start"), Text(record, "end")) < 0);
        Assert.Null(record["failures"]);
    }

    [Fact]
    public void An_aborted_release_records_its_failures_by_reason_and_a_retry_its_end()
    {
        var story = Story.Released(6, strategy: strategy => strategy with { BatchCount = 2, MaxFailures = 1 });
        story.World.BrokenVersions.Add("2.0.0");
        story.Upgrade("2.0.0").By("ada", "r-1").Settle();
        var record = JsonNode.Parse(HistoryOf(story, "2.0.0"))!;
        Assert.Equal(("Aborted", """{"BizStartFailed":3}"""), (Text(record, "result"), record["failures"]!.ToJsonString()));

        story.World.BrokenVersions.Clear();
        story.Pass(60).Act("retry").By("bob", "r-2").Settle();
        record = JsonNode.Parse(HistoryOf(story, "2.0.0"))!;
        Assert.Equal(("ada", "Completed"), (Text(record, "author"), Text(record, "result")));
    }

    [Fact]
    public void An_undo_is_a_release_of_its_user_with_the_reason_of_the_verb()
    {
        var story = Story.Released(6).Upgrade("2.0.0").By("ada", "r-1").Settle();
        story.Act("undo", by: "somebody", reason: "too slow").By("bob", "r-2").Settle();

        Assert.Equal("1.0.0 x 6", story.Versions);
        var record = JsonNode.Parse(HistoryOf(story, "1.0.0"))!;
        Assert.Equal(("bob", "r-2", "too slow", "Completed"),
            (Text(record, "author"), Text(record, "request"), Text(record, "reason"), Text(record, "result")));
    }

    [Fact]
    public void The_user_of_a_verb_is_the_one_of_the_request_whatever_the_request_claims()
    {
        var story = Story.Released(6, strategy: InThree).Upgrade("2.0.0").Settle();
        story.Act("confirm", by: "the boss", reason: "looks good").By("eve", "r-1").Rest();

        var record = Assert.Single(Actions(story))!;
        Assert.Equal(("confirm", "eve", "r-1", "the boss", "looks good"), (Text(record, "action"), Text(record, "user"),
            Text(record, "request"), Text(record, "by"), Text(record, "reason")));
        Assert.Contains(new("Confirm", "confirm by eve: looks good") { Time = EventTime.StepsDone }, story.World.Events);
    }

    [Fact]
    public void Without_the_webhook_nobody_is_believed()
    {
        var story = Story.Released(6);
        story.World.HasWebhooks = false;
        story.Upgrade("2.0.0").By("ada", "r-1").Settle();
        story.Act("pause", by: "bob").By("ada", "r-2").Rest();

        Assert.Null(JsonNode.Parse(HistoryOf(story, "2.0.0"))!["author"]);
        Assert.Equal((null, "bob"), (Text(Actions(story)[0]!, "user"), Text(Actions(story)[0]!, "by")));
    }

    [Fact]
    public void A_change_that_the_webhook_did_not_see_has_no_author()
    {
        var story = Story.Released(6).Upgrade("2.0.0").By("ada", "r-1").Settle();
        story.Act("redeploy").By("ada", "r-2").Settle();
        // The record of ada's last change is still there.
        story.Act("redeploy", by: "bob").Rest();
        story.Upgrade("3.0.0").Settle().Upgrade("2.0.0").Settle();

        Assert.Equal("bob", Text(Actions(story)[^1]!, "by"));
        Assert.Null(Text(Actions(story)[^1]!, "user"));
        Assert.Null(JsonNode.Parse(HistoryOf(story, "3.0.0"))!["author"]);
        Assert.Null(JsonNode.Parse(HistoryOf(story, "2.0.0"))!["author"]);
    }

    [Fact]
    public void The_last_20_verbs_are_kept_with_the_beginning_of_long_texts()
    {
        var story = Story.Released(2);
        foreach (var i in Enumerable.Range(0, 30))
            story.Act(i % 2 == 0 ? "pause" : "resume", by: $"user-{i}", reason: new('因', 100_000)).Settle();

        Assert.Equal(["user-29"], Actions(story).TakeLast(1).Select(record => Text(record!, "by")));
        Assert.InRange(Actions(story).Count, 15, 20);
        Assert.InRange(Encoding.UTF8.GetByteCount(story.Deployment.Metadata.Annotations[Annotations.ActionHistory]), 1, 32 * 1024);
        foreach (var i in Enumerable.Range(0, 30)) story.Act(i % 2 == 0 ? "pause" : "resume", by: $"user-{i}").Settle();
        Assert.Equal(20, Actions(story).Count);
    }

    [Fact]
    public void Annotations_that_leave_no_room_leave_none_for_the_history_and_the_verb_is_carried_out()
    {
        var story = Story.Released(2);
        story.Annotate(new(story.Deployment.Metadata.Annotations) { ["note"] = new('x', (256 * 1024) - 500) });
        foreach (var verb in (string[])["pause", "resume", "pause"]) story.Act(verb, reason: new('r', 100)).Settle();

        Assert.True(story.Deployment.Spec.Paused);
        Assert.InRange(story.Deployment.Metadata.Annotations.Sum(pair => pair.Key.Length + pair.Value.Length), 1, 256 * 1024);
    }

    [Fact]
    public void No_record_makes_annotations_larger_than_the_API_server_accepts()
    {
        var story = Story.Released(2);
        story.Annotate(new(story.Deployment.Metadata.Annotations) { ["note"] = new('x', (256 * 1024) - 200) });
        story.Act("pause").By(new('u', 256), "r-1").Settle();
        Assert.True(story.Deployment.Spec.Paused);
        Assert.InRange(story.Deployment.Metadata.Annotations.Sum(pair => pair.Key.Length + pair.Value.Length), 1, 256 * 1024);

        story = Story.Released(2).Upgrade("2.0.0");
        story.Annotate(new(story.Deployment.Metadata.Annotations) { [Annotations.ChangeCause] = new('c', (256 * 1024) - 400) }).Settle();
        var annotations = story.World.SetsOf(story.Deployment).MaxBy(set => set.Revision)!.ReplicaSet.Metadata.Annotations;
        Assert.InRange(annotations.Sum(pair => pair.Key.Length + pair.Value.Length), 1, 256 * 1024);
    }

    [Fact]
    public void A_history_that_somebody_edited_begins_anew()
    {
        var story = Story.Released(2);
        foreach (var garbage in Garbage)
        {
            story.Annotate(new(story.Deployment.Metadata.Annotations)
            {
                [Annotations.ActionHistory] = garbage,
                [Annotations.LastChange] = garbage,
            });
            story.Act("pause").Rest();
            Assert.Equal("pause", Text(Actions(story)[^1]!, "action"));
            Assert.Null(Text(Actions(story)[^1]!, "user"));
        }
    }

    [Fact]
    public void A_record_of_a_release_that_somebody_edited_is_no_obstacle()
    {
        foreach (var garbage in Garbage)
        {
            var story = Story.Released(2).Upgrade("2.0.0").Settle();
            foreach (var set in story.World.SetsOf(story.Deployment))
                story.World.ReplicaSets[set.ReplicaSet.Metadata.Name] = Edited(set.ReplicaSet, garbage);
            story.Upgrade("1.0.0").By("ada", "r-1").Settle();
            Assert.Equal("ada", Text(JsonNode.Parse(HistoryOf(story, "1.0.0"))!, "author"));
        }
    }

    [Fact]
    public void A_change_whose_revision_is_no_longer_kept_did_not_begin_a_later_release()
    {
        var story = Story.Released(2).Upgrade("2.0.0").By("ada", "r-1").Settle();
        story.Pass(60).Change(spec => spec with { RevisionHistoryLimit = 0 }).Upgrade("3.0.0").Settle().Rest();
        Assert.DoesNotContain(story.World.SetsOf(story.Deployment), set => set.ReplicaSet.Spec.Template.Spec.Module.Version == "2.0.0");

        story.Pass(60).Upgrade("2.0.0").Settle();
        Assert.Null(JsonNode.Parse(HistoryOf(story, "2.0.0"))!["author"]);
    }

    [Fact]
    public void Of_a_verb_that_was_overwritten_unseen_no_later_one_has_the_user()
    {
        var story = Story.Released(2);
        story.Act("pause").By("ada", "r-1");
        story.Act("resume", by: "bob").Rest();
        story.Act("pause", by: "bob").Rest();

        Assert.Equal([null, null], Actions(story).Select(record => Text(record!, "user")));
    }

    private static string[] Garbage { get; } =
        ["{", "7", """["x",{"action":7}]""", """{"user":"a","user":"b"}""", """[{"action":"a","action":"b"}]""", """{"user":"\ud800"}""",
            """[{"\ud800":"a"}]"""];

    private static ModuleReplicaSet Edited(ModuleReplicaSet set, string history) => set with
    {
        Metadata = set.Metadata with
        {
            Annotations = new Dictionary<string, string>(set.Metadata.Annotations) { [Annotations.History] = history },
        },
    };

    private static string HistoryOf(Story story, string version) => story.World.SetsOf(story.Deployment)
        .Where(set => set.ReplicaSet.Spec.Template.Spec.Module.Version == version).MaxBy(set => set.Revision)!
        .ReplicaSet.Metadata.Annotations[Annotations.History];

    private static JsonArray Actions(Story story) =>
        JsonNode.Parse(story.Deployment.Metadata.Annotations[Annotations.ActionHistory])!.AsArray();

    private static string? Text(JsonNode record, string name) => record[name]?.GetValue<string>();
}
