using CsCheck;
using ModuleController.Core.Builtin;
using ModuleController.Kube.Caches;

namespace ModuleController.Kube.Tests.Caches;

public sealed class StoreTests
{
    private readonly Store<Pod> _store = new();
    private readonly List<string> _seen = [];

    public StoreTests()
    {
        _store.AddIndex("node", pod => pod.Spec.NodeName);
        _store.Observe(change =>
            _seen.Add($"{change.Before?.Metadata.ResourceVersion}>{change.After?.Metadata.ResourceVersion} {change.Key.Name}"));
    }

    internal static Pod Pod(string name, int version, string? node = null, string uid = "u") => new()
    {
        Metadata = new()
        {
            Name = name,
            Namespace = "demo",
            Uid = uid,
            ResourceVersion = version.ToString(System.Globalization.CultureInfo.InvariantCulture)
        },
        Spec = new() { NodeName = node },
    };

    [Fact]
    public void A_relist_replaces_all_at_once_and_yields_the_differences_deletions_included()
    {
        _store.Replace([Pod("a", 1), Pod("b", 2), Pod("c", 3)], "3");
        _seen.Clear();

        _store.Replace([Pod("b", 2), Pod("c", 5), Pod("d", 4)], "6");

        Assert.Equal(["1> a", "3>5 c", ">4 d"], _seen.Order(StringComparer.Ordinal).OrderBy(seen => seen[^1]));
        Assert.Equal("6", _store.ResourceVersion);
        Assert.Equal(["b", "c", "d"], _store.List().Select(pod => pod.Metadata.Name).Order());
    }

    [Fact]
    public void An_object_that_a_relist_could_not_read_keeps_its_state()
    {
        _store.Replace([Pod("a", 1), Pod("b", 2)], "3");
        _store.Replace([Pod("b", 2)], "6", [new("demo", "a"), new("demo", "never-seen")]);
        Assert.Equal(["a", "b"], _store.List().Select(pod => pod.Metadata.Name).Order());
    }

    [Fact]
    public void Delete_and_create_between_two_looks_is_a_change_of_uid()
    {
        _store.Upsert(Pod("a", 1, uid: "first"));
        var replaced = default(ObjectChange<Pod>);
        _store.Observe(change => replaced = change);
        _store.Replace([Pod("a", 1, uid: "second")], "9");

        Assert.True(replaced.IsReplaced);
        Assert.Equal(("first", "second"), (replaced.Before?.Metadata.Uid, replaced.After?.Metadata.Uid));
    }

    [Fact]
    public void The_same_version_again_is_no_change()
    {
        _store.Upsert(Pod("a", 1));
        _store.Upsert(Pod("a", 1));
        Assert.Equal([">1 a"], _seen);
    }

    [Fact]
    public void Every_event_says_how_far_the_cache_has_come()
    {
        _store.Upsert(Pod("a", 4));
        Assert.Equal("4", _store.ResourceVersion);
        _store.Delete(Pod("a", 5));
        Assert.Equal("5", _store.ResourceVersion);
        _store.Advance("8");
        Assert.Equal("8", _store.ResourceVersion);
        Assert.Equal(0, _store.Count);
    }

    [Fact]
    public void What_was_handed_out_does_not_change_and_is_shared_until_something_does()
    {
        _store.Upsert(Pod("a", 1, "n1"));
        var (all, ofNode) = (_store.List(), _store.ByIndex("node", "n1"));
        Assert.Same(all, _store.List());
        Assert.Same(ofNode, _store.ByIndex("node", "n1"));

        _store.Upsert(Pod("b", 2, "n1"));
        Assert.Single(all);
        Assert.Single(ofNode);
        Assert.Equal(2, _store.ByIndex("node", "n1").Count);
    }

    [Fact]
    public void An_index_that_comes_later_holds_what_is_there_and_an_unknown_one_is_an_error()
    {
        _store.Upsert(Pod("a", 1));
        _store.AddIndex("name", pod => pod.Metadata.Name);
        Assert.Single(_store.ByIndex("name", "a"));
        Assert.Throws<ArgumentException>(() => _store.ByIndex("nme", "a"));
    }

    [Fact]
    public void It_agrees_with_its_model_whatever_is_done_with_it()
    {
        var pod = Gen.Select(Gen.Int[0, 5], Gen.Int[1, 9], Gen.Int[0, 2], Gen.Int[0, 1]).Select((name, version, node, uid) =>
            Pod($"p{name}", version, node == 0 ? null : $"n{node}", $"u{uid}"));
        Check.SampleModelBased(
            Gen.Const(0).Select(_ =>
            {
                var store = new Store<Pod>();
                store.AddIndex("node", found => found.Spec.NodeName);
                return (store, new Dictionary<string, Pod>());
            }),
            [
                pod.Operation<Store<Pod>, Dictionary<string, Pod>>((store, item) => store.Upsert(item), (model, item) => Put(model, item)),
                pod.Operation<Store<Pod>, Dictionary<string,
                Pod>>((store, item) => store.Delete(item), (model, item) => model.Remove(item.Metadata.Name)),
                pod.Array[0, 4]
                    .Operation<Store<Pod>, Dictionary<string, Pod>>((store, items) => store.Replace(items, "9"), (model, items) =>
                {
                    foreach (var item in items) Put(model, item);
                    foreach (var gone in model.Keys.Except(items.Select(item => item.Metadata.Name)).ToArray()) model.Remove(gone);
                }),
            ],
            equal: (store, model) => Same(store.List(), model.Values)
                && Enumerable.Range(0, 3)
                    .All(node => Same(store.ByIndex("node", $"n{node}"), model.Values.Where(item => item.Spec.NodeName == $"n{node}"))),
            iter: 2000);

        static void Put(Dictionary<string, Pod> model, Pod item)
        {
            // Of one uid and version there is one state.
            if (model.TryGetValue(item.Metadata.Name, out var old)
                && (old.Metadata.Uid, old.Metadata.ResourceVersion) == (item.Metadata.Uid, item.Metadata.ResourceVersion)) return;
            model[item.Metadata.Name] = item;
        }

        static bool Same(IEnumerable<Pod> left, IEnumerable<Pod> right) =>
            left.ToHashSet(ReferenceEqualityComparer.Instance).SetEquals(right);
    }

    [Fact]
    public async Task Readers_see_whole_snapshots_while_it_is_written()
    {
        // Each relist holds one generation of ten pods: a reader that sees two of them saw half a relist.
        using var stop = new CancellationTokenSource();
        _store.Replace(Generation(0), "0");
        var looks = new int[3];
        var readers = Enumerable.Range(0, looks.Length).Select(reader => Task.Run(() =>
        {
            for (; !stop.IsCancellationRequested; Interlocked.Increment(ref looks[reader]))
            {
                Assert.Single(_store.List().Select(pod => pod.Spec.NodeName).Distinct());
                Assert.True(_store.ByIndex("node", _store.List().First().Spec.NodeName!).Count is 0 or 10);
            }
        }, TestContext.Current.CancellationToken)).ToArray();
        for (var generation = 1; generation < 1000
            || looks.Any(count => count < 100); generation++) _store.Replace(Generation(generation), $"{generation}");
        await stop.CancelAsync();
        await Task.WhenAll(readers);

        static Pod[] Generation(int number) => [.. Enumerable.Range(0, 10).Select(i => Pod($"p{i}", number, $"g{number}"))];
    }
}
