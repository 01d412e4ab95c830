using System.Text.Json.Nodes;
using CsCheck;
using ModuleController.Dev.ApiServer.Storage;

namespace ModuleController.Kube.Tests.Conformance;

/// <summary>The one write path: whatever is written at once, the log is a history that every watcher sees whole.</summary>
public sealed class EventLogTests
{
    private static readonly Gen<(int Name, bool Removes)[]> GenWrites =
        Gen.Select(Gen.Int[0, 3], Gen.Bool).Array[1, 60];

    [Fact]
    public async Task Concurrent_writes_lose_nothing_and_number_each_change_once()
    {
        const int Writers = 8;
        const int WritesEach = 200;
        var log = new EventLog(changesKept: Writers * WritesEach * 2, watcherLag: Writers * WritesEach);
        using var watch = log.Subscribe("counters", log.Revision);
        await Task.WhenAll(Enumerable.Range(0, Writers).Select(_ => Task.Run(() =>
        {
            for (var i = 0; i < WritesEach; i++) log.Commit(new("counters", "", "one"), _ => { }, Increment);
        })));
        Assert.Equal(Writers * WritesEach, log.Find(new("counters", "", "one"))!.Tree.Number("count"));
        var seen = new List<Change>();
        while (watch.Live.TryRead(out var change)) seen.Add(change);
        Assert.Equal(Enumerable.Range(1, Writers * WritesEach)
            .Select(count => (long)count), seen.Select(change => change.After.Tree.Number("count") ?? 0));
        Assert.Equal(seen.Select(change => change.Revision), seen.Select(change => change.Revision).Distinct().Order());
    }

    [Fact]
    public void A_watch_from_any_version_replays_to_what_is_there() => GenWrites.Sample(writes =>
    {
        var log = new EventLog();
        var states = new List<(long Revision, Dictionary<string,
            string> Objects)> { (log.Revision, Objects(log.List("things"))) };
        foreach (var (name, removes) in writes)
        {
            var key = new ResourceKey("things", "", $"{name}");
            if (removes && log.Find(key) is null) continue;
            log.Commit(key, _ => { }, tree => removes ? new(tree!, Remove: true) : Increment(tree));
            states.Add((log.Revision, Objects(log.List("things"))));
        }

        foreach (var (revision, objects) in states)
        {
            Assert.Equal(objects, Objects(log.ListAt("things", revision)));
            using var watch = log.Subscribe("things", revision);
            foreach (var change in watch.Backlog)
            {
                if (change.IsRemoval) objects.Remove(change.Key.Name);
                else objects[change.Key.Name] = change.After.Tree.ToCompact();
            }

            Assert.Equal(states[^1].Objects, objects);
        }
    });

    [Fact]
    public void What_is_older_than_the_log_is_compacted_and_not_guessed()
    {
        var log = new EventLog(changesKept: 10);
        for (var i = 0; i < 100; i++) log.Commit(new("things", "", "one"), _ => { }, Increment);
        Assert.Throws<CompactedException>(() => log.Subscribe("things", 5));
        Assert.Throws<CompactedException>(() => log.ListAt("things", 5));
        using var recent = log.Subscribe("things", log.Revision - 10);
        Assert.Equal(10, recent.Backlog.Count);
    }

    private static Edit Increment(JsonObject? tree)
    {
        tree ??= [];
        tree["count"] = (tree.Number("count") ?? 0) + 1;
        return new(tree);
    }

    private static Dictionary<string, string> Objects(Snapshot snapshot) =>
        snapshot.Objects.ToDictionary(entry => entry.Key[1..], entry => entry.Value.Tree.ToCompact());
}
