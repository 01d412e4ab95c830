using CsCheck;
using Microsoft.Extensions.Time.Testing;
using ModuleController.Kube.Queues;
using ModuleController.Tests;

namespace ModuleController.Kube.Tests.Queues;

/// <summary>The queue against a model that is too simple to be wrong, and under many threads.</summary>
public sealed class WorkQueueModelTests
{
    private static readonly Gen<int> Key = Gen.Int[0, 4];

    [Fact]
    public void It_agrees_with_its_model_whatever_is_done_with_it()
    {
        Check.SampleModelBased(
            Gen.Const(0).Select(_ => (new World(), new Model())),
            [
            Key.Operation<World, Model>((world, key) => world.Queue.Add(key), (model, key) => model.Add(key, false)),
            Key.Operation<World, Model>((world, key) => world.Queue.Add(key, background: true), (model, key) => model.Add(key, true)),
            Gen.Select(Key, Gen.Int[1, 20]).Operation<World, Model>(
                (world, wish) => world.Queue.AddAfter(wish.Item1, TimeSpan.FromSeconds(wish.Item2)),
                (model, wish) => model.Delay(wish.Item1, wish.Item2)),
            Key.Operation<World, Model>((world, key) => world.Queue.Retry(key), (model, key) => model.Retry(key)),
            Key.Operation<World, Model>((world, key) => world.Queue.Forget(key), (model, key) => model.Failures.Remove(key)),
            Gen.Int[1, 10].Operation<World, Model>(
                (world, seconds) => world.Time.Advance(TimeSpan.FromSeconds(seconds)), (model, seconds) => model.Pass(seconds)),
            Gen.Const(0).Operation<World, Model>((world, _) => world.Take(), (model, _) => model.Take()),
            Gen.Const(0).Operation<World, Model>((world, _) => world.Release(), (model, _) => model.Release()),
            ],
            equal: (world, model) => world.Queue.Depth == model.Front.Count + model.Background.Count
                && world.Held.Select(lease => lease.Key).SequenceEqual(model.Held),
            iter: 2000);
    }

    [Fact]
    public async Task No_key_is_with_two_workers_and_none_is_lost_under_many_threads()
    {
        using var queue = new WorkQueue<int>(TimeProvider.System, new(TimeSpan.FromMilliseconds(1), TimeSpan.FromMilliseconds(5)));
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        const int Keys = 20;
        var wanted = new int[Keys];   // how often a key was added
        var seen = new int[Keys];     // what its last worker saw of that
        var holders = new int[Keys];
        var overlaps = 0;

        var workers = Enumerable.Range(0, 4).Select(_ => Task.Run(Work)).ToArray();
        Parallel.For(0, 20_000, new() { MaxDegreeOfParallelism = 4 }, i =>
        {
            var key = i % Keys;
            Interlocked.Increment(ref wanted[key]);
            if (i % 7 == 0) queue.AddAfter(key, TimeSpan.FromMilliseconds(i % 3));
            else queue.Add(key, background: i % 5 == 0);
        });

        // Level-triggered: after the last add, each key is seen once more.
        await Eventually.True(() => Enumerable.Range(0, Keys).All(key => Volatile.Read(ref seen[key]) == wanted[key]));
        await stop.CancelAsync();
        await Eventually.Ends(Task.WhenAll(workers));
        Assert.Equal(0, overlaps);

        async Task Work()
        {
            try
            {
                while (true)
                {
                    using var lease = await queue.TakeAsync(stop.Token);
                    if (Interlocked.Increment(ref holders[lease.Key]) > 1) Interlocked.Increment(ref overlaps);
                    Volatile.Write(ref seen[lease.Key], Volatile.Read(ref wanted[lease.Key]));
                    if (lease.Key % 4 == 0) await Task.Yield();
                    Interlocked.Decrement(ref holders[lease.Key]);
                }
            }
            catch (OperationCanceledException)
            {
                // The end.
            }
        }
    }

    private sealed class World
    {
        public FakeTimeProvider Time { get; } = new();

        public WorkQueue<int> Queue { get; }

        public List<WorkQueue<int>.Lease> Held { get; } = [];

        public World() => Queue = new(Time, new(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(8)));

        public void Take()
        {
            if (Queue.Depth == 0) return;
            // What is there is handed out without a wait.
            var taking = Queue.TakeAsync(CancellationToken.None).AsTask();
            Assert.True(taking.IsCompletedSuccessfully);
            Held.Add(taking.Result);
        }

        public void Release()
        {
            if (Held.Count == 0) return;
            Held[0].Dispose();
            Held.RemoveAt(0);
        }
    }

    private sealed class Model
    {
        private readonly Dictionary<int, bool> _again = [];
        private readonly Dictionary<int, (int At, int Wish)> _due = [];
        private int _now;
        private int _wishes;

        public List<int> Front { get; } = [];

        public List<int> Background { get; } = [];

        public List<int> Held { get; } = [];

        public Dictionary<int, int> Failures { get; } = [];

        public void Add(int key, bool background)
        {
            if (!background) _due.Remove(key);
            if (Held.Contains(key)) _again[key] = background && _again.GetValueOrDefault(key, true);
            else if (Front.Contains(key)) return;
            else if (!background)
            {
                Background.Remove(key);
                Front.Add(key);
            }
            else if (!Background.Contains(key)) Background.Add(key);
        }

        public void Delay(int key, int seconds)
        {
            if (Front.Contains(key) || (_again.TryGetValue(key, out var background) && !background)) return;
            if (!_due.TryGetValue(key, out var old) || _now + seconds < old.At) _due[key] = (_now + seconds, ++_wishes);
        }

        public void Retry(int key)
        {
            Failures[key] = Failures.GetValueOrDefault(key) + 1;
            Delay(key, Math.Min(1 << (Failures[key] - 1), 8));
        }

        public void Pass(int seconds)
        {
            for (var i = 0; i < seconds; i++)
            {
                _now++;
                foreach (var key in _due.Where(due => due.Value.At <= _now).OrderBy(due => due.Value).Select(due => due.Key)
                    .ToArray()) Add(key, false);
            }
        }

        public void Take()
        {
            var queue = Front.Count > 0 ? Front : Background;
            if (queue.Count == 0) return;
            Held.Add(queue[0]);
            _due.Remove(queue[0]);
            queue.RemoveAt(0);
        }

        public void Release()
        {
            if (Held.Count == 0) return;
            var key = Held[0];
            Held.RemoveAt(0);
            if (_again.Remove(key, out var background)) Add(key, background);
        }
    }
}
