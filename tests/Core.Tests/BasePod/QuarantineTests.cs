using ModuleController.Core.Agents;
using ModuleController.Core.BasePods;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Facts;
using ModuleController.Core.Modules.Names;

namespace ModuleController.Core.Tests.BasePod;

/// <summary>Several base pods with the same modules, of which one ends its JVM five seconds after its start.</summary>
public class QuarantineTests
{
    private static readonly TimeSpan JvmStart = TimeSpan.FromSeconds(3);
    private static readonly string[] Six = ["a", "b", "c", "d", "e", "f"];

    public static TheoryData<int, string, bool> Fleets()
    {
        var fleets = new TheoryData<int, string, bool>();
        foreach (var pods in (int[])[1, 2, 3])
            foreach (var killer in (string[])["a", "d", "f"])
                foreach (var isAtOnce in (bool[])[true, false])
                    fleets.Add(pods, killer, isAtOnce);
        return fleets;
    }

    /// <param name="isAtOnce">False: an install a second, so that others are under way when the JVM ends.</param>
    [Theory]
    [MemberData(nameof(Fleets))]
    public void On_a_fleet_where_all_is_new_only_the_one_is_given_up_and_all_others_come_back(int pods, string killer, bool isAtOnce)
    {
        var fleet = new Fleet(pods, Six, [killer], isAtOnce);
        fleet.Run(TimeSpan.FromMinutes(10));
        Assert.Equal([killer], fleet.Quarantined);
        fleet.AllServeBut(killer);
        // Twice under suspicion of all, then on its own; once more where the other pods' exits come too late to be known.
        Assert.All(fleet.Exits, exits => Assert.InRange(exits, 2, isAtOnce || pods == 1 ? 4 : 3));
    }

    [Fact]
    public void Two_that_end_their_JVM_are_both_found()
    {
        var fleet = new Fleet(pods: 2, Six, ["b", "e"], isAtOnce: true);
        fleet.Run(TimeSpan.FromMinutes(20));
        Assert.Equal(["b", "e"], fleet.Quarantined.Order(StringComparer.Ordinal));
        fleet.AllServeBut("b", "e");
        // After the first is found all others are back at once: the second has one more shared exit.
        Assert.All(fleet.Exits, exits => Assert.InRange(exits, 4, 7));
    }

    [Fact]
    public void Once_the_one_is_found_the_others_are_back_without_a_minute_each()
    {
        var fleet = new Fleet(pods: 2, Six, ["a"], isAtOnce: true);
        fleet.Run(TimeSpan.FromSeconds(60));
        Assert.Equal(["a"], fleet.Quarantined);
        fleet.AllServeBut("a");
    }

    [Fact]
    public void A_restart_by_hand_costs_no_minutes_where_all_is_new()
    {
        var fleet = new Fleet(pods: 2, Six, killers: [], isAtOnce: true);
        fleet.Run(TimeSpan.FromSeconds(10));
        fleet.Restart();
        fleet.Run(TimeSpan.FromSeconds(1));
        fleet.AllServeBut();
        Assert.All(fleet.Modules, module => Assert.Equal("0+", module.Status.LastError?.Code));
        fleet.Run(TimeSpan.FromSeconds(61));
        Assert.All(fleet.Modules, module => Assert.Null(module.Status.LastError));
        Assert.Empty(fleet.Quarantined);
    }

    [Fact]
    public void What_has_lived_is_back_at_once_and_is_never_suspected()
    {
        var fleet = new Fleet(pods: 2, Six, killers: [], isAtOnce: true);
        fleet.Run(TimeSpan.FromSeconds(61));
        fleet.Restart();
        fleet.Run(TimeSpan.FromSeconds(1));
        fleet.AllServeBut();
        fleet.Restart();
        fleet.Run(TimeSpan.FromSeconds(1));
        fleet.AllServeBut();
        Assert.Empty(fleet.Quarantined);
        Assert.All(fleet.Modules, module => Assert.Null(module.Status.LastError));
    }

    /// <summary>What the ModuleDeployments know of all pods goes to each of them, as in the cluster.</summary>
    private sealed class Fleet
    {
        private readonly HashSet<string> _lived = [];
        private readonly IReadOnlyList<string> _killers;
        private readonly IReadOnlyList<string> _names;
        private readonly bool _isAtOnce;
        private readonly DateTimeOffset?[] _endedAt;
        private readonly List<World> _pods;

        public Fleet(int pods, IReadOnlyList<string> names, IReadOnlyList<string> killers, bool isAtOnce)
        {
            (_names, _killers, _isAtOnce) = (names, killers, isAtOnce);
            _pods = [.. Enumerable.Range(0, pods).Select(_ => new World { Lived = _lived, Quarantined = Quarantined })];
            foreach (var pod in _pods)
                foreach (var name in names) pod.Add(name);
            (Exits, _endedAt) = (new int[pods], new DateTimeOffset?[pods]);
        }

        public HashSet<string> Quarantined { get; } = [];

        public int[] Exits { get; }

        public IEnumerable<Module> Modules => _pods.SelectMany(pod => pod.Modules.Values);

        public void Restart() => _pods.ForEach(pod => pod.Agent.Restart(pod.Now));

        public void Run(TimeSpan time)
        {
            for (var second = 0; second < time.TotalSeconds; second++)
            {
                for (var index = 0; index < _pods.Count; index++) Step(index);
                foreach (var name in _names) Judge(name);
            }
        }

        public void AllServeBut(params string[] suspect) => Assert.All(_pods, pod =>
        {
            Assert.True(pod.Modules.Values.All(module => module.IsAvailable != suspect.Contains(module.Spec.Module.Name)), pod.ToString());
            Assert.Equal(_names.Except(suspect), pod.Agent.Biz.Select(biz => biz.Name).Order(StringComparer.Ordinal));
        });

        private void Step(int index)
        {
            var pod = _pods[index];
            pod.Advance(1);
            if (_endedAt[index] is { } ended && pod.Now - ended >= JvmStart)
            {
                pod.Agent.Restart(pod.Now);
                _endedAt[index] = null;
            }
            else if (pod.Agent.State == BaseState.Up
                && pod.Agent.Biz.Any(biz => _killers.Contains(biz.Name) && pod.Now - biz.InstalledAt >= TimeSpan.FromSeconds(5)))
            {
                Exits[index]++;
                (_endedAt[index], pod.Agent.State, pod.Agent.IsBizKnown) = (pod.Now, BaseState.Down, false);
            }

            if (pod.Agent.State == BaseState.Down) pod.Reconcile();
            else Work(pod);
        }

        private void Work(World pod)
        {
            if (_isAtOnce)
            {
                pod.Settle();
                return;
            }

            pod.Agent.Finish(pod.Now);
            pod.Reconcile();
            pod.Reconcile();
        }

        private void Judge(string name)
        {
            var modules = Modules.Where(module => module.Spec.Module.Name == name).ToList();
            var source = modules[0].Spec.Module;
            var revision = $"{source.Name}:{source.Version}";
            var annotations = _lived.Contains(revision) ? new Dictionary<string, string> { [Annotations.LivedAt] = "" } : [];
            var set = new ReplicaSetWithModules(new() { Metadata = new() { Name = name, Annotations = annotations } }, modules);
            var now = _pods[0].Now;
            if (Quarantine.IsQuarantined(set, source, retriedAt: null)) Quarantined.Add(name);
            if (Quarantine.LivesAt(set, set.Modules.Select(module => module.Metadata.Uid!).ToHashSet()) <= now) _lived.Add(revision);
        }
    }
}
